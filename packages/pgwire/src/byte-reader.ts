import { ProtocolError } from './protocol-error.ts';

/** Reads network-order fields from one message body and never past its end. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  cstring(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new ProtocolError('a string in a message is not terminated');
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** A view, not a copy, of the next `length` bytes. */
  bytes(length: number): Buffer {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** Bytes preceded by their length, where -1 stands for null. */
  nullableBytes(): Buffer | null {
    const length = this.int32();
    return length === -1 ? null : this.bytes(length);
  }

  /** `count` items, where `count` is an int16 of the message. */
  list<T>(item: () => T): T[] {
    return Array.from({ length: this.#count() }, item);
  }

  expectEnd(): void {
    if (this.remaining > 0) throw new ProtocolError('a message is longer than its fields');
  }

  #count(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  #advance(length: number): number {
    if (length < 0 || length > this.remaining) {
      throw new ProtocolError('a message is shorter than its fields');
    }
    const start = this.#at;
    this.#at += length;
    return start;
  }
}
