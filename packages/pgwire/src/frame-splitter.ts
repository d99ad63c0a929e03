import { ProtocolError } from './protocol-error.ts';

/** One typed message: its tag byte, its body, and the whole of it as it came. */
export type Frame = { readonly tag: number; readonly body: Buffer; readonly bytes: Buffer };

/** The longest accepted message in bytes, length field included; `byTag` overrides `bytes`. */
export type FrameLimits = {
  readonly bytes: number;
  readonly byTag?: Readonly<Record<number, number>>;
};

const megabyte = 1024 * 1024;

/** While a peer is not authenticated; 65,535 is Postgres' own bound for an authentication token. */
export const loginLimits: FrameLimits = { bytes: 65_535 };

/**
 * What Postgres accepts from a client in a session (`SocketBackend` in postgres.c): a gigabyte for
 * Query, FunctionCall, Parse, Bind and CopyData, 10,000 bytes for everything else.
 */
export const clientLimits: FrameLimits = {
  bytes: 10_000,
  byTag: Object.fromEntries(Array.from('QFPBd', (tag) => [tag.charCodeAt(0), 1024 * megabyte - 2])),
};

/** What Postgres may send in a session: no message is longer than a gigabyte. */
export const serverLimits: FrameLimits = { bytes: 1024 * megabyte - 1 };

const headerBytes = 5;

/** Chunks are merged up to this size: a peer that sends single bytes must not cost an object each. */
const mergedBytes = 4096;

/**
 * Cuts a byte stream, in whatever chunks it arrives, into typed messages.
 *
 * Frames are views of the pushed chunks where a frame came in one piece. It holds at most one
 * unfinished message, and never reserves memory for a length that was only announced.
 *
 * ```ts
 * splitter.push(chunk);
 * for (let frame = splitter.next(); frame; frame = splitter.next()) handle(frame);
 * ```
 */
export class FrameSplitter {
  readonly #limits: FrameLimits;
  #chunks: Buffer[] = [];
  #length = 0;
  #wanted = headerBytes;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Bytes that are held and belong to no complete frame yet, or to frames not taken yet. */
  get bufferedBytes(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    const last = this.#chunks.at(-1);
    const merges = last !== undefined && last.length + chunk.length <= mergedBytes;
    if (merges) this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, chunk]);
    else this.#chunks.push(chunk);
  }

  /** The next complete frame; `undefined` until more bytes come. */
  next(): Frame | undefined {
    if (this.#length < this.#wanted) return undefined;
    const held = this.#join();
    const frameBytes = 1 + this.#checkedLength(held);
    this.#wanted = Math.max(frameBytes, headerBytes);
    if (held.length < frameBytes) return undefined;
    this.#keep(held.subarray(frameBytes));
    const bytes = held.subarray(0, frameBytes);
    return { tag: held[0] as number, body: bytes.subarray(headerBytes), bytes };
  }

  /** Takes everything that is held, as when the stream stops being read message by message. */
  takeRest(): Buffer {
    const held = this.#join();
    this.#keep(Buffer.alloc(0));
    return held;
  }

  #checkedLength(held: Buffer): number {
    const length = held.readInt32BE(1);
    const limit = this.#limits.byTag?.[held[0] as number] ?? this.#limits.bytes;
    if (length < 4 || length > limit) throw new ProtocolError('invalid message length');
    return length;
  }

  #join(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    this.#wanted = headerBytes;
  }
}
