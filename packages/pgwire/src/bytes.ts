import { ProtocolError } from './protocol-error.ts';

export const nul = Buffer.alloc(1);

export function byte(value: number): Buffer {
  return Buffer.of(value);
}

export function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

export function cstring(text: string): Buffer {
  if (text.includes('\0')) throw new ProtocolError('a string for the wire contains a zero byte');
  return Buffer.from(`${text}\0`);
}

/** Bytes preceded by their length, where -1 stands for null. */
export function nullableBytes(value: Uint8Array | null): Buffer {
  return value === null ? int32(-1) : Buffer.concat([int32(value.length), value]);
}

/** Items preceded by their number as an int16; at most 65535. */
export function list<T>(items: readonly T[], item: (value: T) => Uint8Array): Buffer {
  if (items.length > 0xffff) throw new ProtocolError('a message has more than 65535 items');
  const count = Buffer.allocUnsafe(2);
  count.writeUInt16BE(items.length);
  return Buffer.concat([count, ...items.map(item)]);
}
