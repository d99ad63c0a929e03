import { ByteReader } from './byte-reader.ts';
import { int32 } from './bytes.ts';

/**
 * One kind of message: its tag byte, and its two directions between bytes and value.
 *
 * `encode` yields a whole frame; `decode` takes the body that {@link FrameSplitter} hands out, and
 * throws {@link ProtocolError} when it is not exactly one message of this kind.
 */
export type Codec<Message> = {
  readonly tag: number;
  readonly encode: (message: Message) => Buffer;
  readonly decode: (body: Buffer) => Message;
};

/** A message without a body: its tag byte and its whole frame. */
export type Signal = { readonly tag: number; readonly frame: Buffer };

export function codec<Message>(
  tag: string,
  encode: (message: Message) => readonly Uint8Array[],
  decode: (read: ByteReader) => Message,
): Codec<Message> {
  const code = tag.charCodeAt(0);
  return {
    tag: code,
    encode: (message) => frame(code, encode(message)),
    decode(body) {
      const read = new ByteReader(body);
      const message = decode(read);
      read.expectEnd();
      return message;
    },
  };
}

export function signal(tag: string): Signal {
  const code = tag.charCodeAt(0);
  return { tag: code, frame: frame(code, []) };
}

function frame(tag: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  return Buffer.concat([Buffer.of(tag), int32(length), ...parts], length + 1);
}
