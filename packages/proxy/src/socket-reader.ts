import type { Duplex } from 'node:stream';
import {
  type Frame,
  FrameSplitter,
  loginLimits,
  maxPreambleBytes,
  type Preamble,
  ProtocolError,
  readPreamble,
} from '@pgfleet/pgwire';

/** The peer closed its connection, or it was closed on it, before it said what was waited for. */
export class HangUpError extends Error {
  override readonly name = 'HangUpError';
}

/**
 * Reads a socket message by message, on demand, while a login lasts.
 *
 * The socket is paused between reads, so an unread peer is held back by its own send buffer, and
 * {@link release} hands everything that was read ahead to the next reader.
 */
export class SocketReader {
  readonly #socket: Duplex;
  readonly #splitter = new FrameSplitter(loginLimits);
  #preamble: Buffer = Buffer.alloc(0);

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** The first bytes of the connection, without taking them. */
  async peek(): Promise<Buffer> {
    if (this.#preamble.length === 0) this.#preamble = await this.#chunk();
    return this.#preamble;
  }

  /** Takes one packet of the preamble. */
  async preamble(): Promise<Preamble> {
    for (;;) {
      const packet = readPreamble(this.#preamble);
      if (packet) {
        this.#preamble = this.#preamble.subarray(packet.byteLength);
        return packet.preamble;
      }
      if (this.#preamble.length > maxPreambleBytes)
        throw new ProtocolError('startup packet too long');
      this.#preamble = Buffer.concat([this.#preamble, await this.#chunk()]);
    }
  }

  /** Whether bytes came with the packets taken so far that belong to none of them. */
  get hasReadAhead(): boolean {
    return this.#preamble.length > 0 || this.#socket.readableLength > 0;
  }

  /** Takes one typed message. */
  async frame(): Promise<Frame> {
    for (;;) {
      this.#splitter.push(this.#preamble);
      this.#preamble = Buffer.alloc(0);
      const frame = this.#splitter.next();
      if (frame) return frame;
      this.#splitter.push(await this.#chunk());
    }
  }

  /** Puts back what was read ahead and leaves the socket to somebody else. */
  release(): void {
    const rest = Buffer.concat([this.#splitter.takeRest(), this.#preamble]);
    this.#preamble = Buffer.alloc(0);
    // A TLS socket on top takes over the handle; without the pause its first bytes get lost.
    this.#socket.pause();
    if (rest.length > 0) this.#socket.unshift(rest);
  }

  async #chunk(): Promise<Buffer> {
    for (;;) {
      const chunk = this.#socket.read() as Buffer | null;
      if (chunk !== null) return chunk;
      if (this.#socket.readableEnded || this.#socket.destroyed) {
        throw new HangUpError('connection closed by peer', { cause: this.#socket.errored });
      }
      await nextEvent(this.#socket, ['readable', 'end', 'close']);
    }
  }
}

function nextEvent(socket: Duplex, names: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const name of names) socket.off(name, done);
      resolve();
    };
    for (const name of names) socket.on(name, done);
  });
}
