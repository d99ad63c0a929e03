/**
 * A session between its login and its end: bytes go both ways as they come, and are not parsed.
 *
 * A side that does not read stops the other from being read, so a session holds a few chunks of
 * memory however large a result is. A side that finishes (half-close) is passed on and the other
 * direction goes on; a side that is gone takes the other with it.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { frontend } from '@pgfleet/pgwire';
import type { Traffic } from './activity.ts';
import { socketClosed } from './socket-closed.ts';

export type RelaySides = {
  readonly client: Duplex;
  readonly upstream: Socket;
  readonly traffic: Traffic;
};

/** How long a client may take to read the end of a session whose compute has finished. */
const lingerMs = 30_000;

/** ReadyForQuery without its last byte, the transaction status. */
const readyForQuery = 0x5a_00_00_00_05;

export class Relay {
  readonly #sides: RelaySides;
  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>;
  #awaitsStatement = true;
  #farewell: Buffer | undefined;

  constructor(sides: RelaySides) {
    this.#sides = sides;
    const { client, upstream, traffic } = sides;
    pump(client, upstream, (chunk) => {
      this.#awaitsStatement = false;
      traffic.countIn(chunk.length);
    });
    pump(upstream, client, (chunk) => {
      traffic.countOut(chunk.length);
      this.#awaitsStatement = endsWithReady(chunk);
      if (this.#awaitsStatement && this.#farewell) this.#leave(this.#farewell);
    });
    this.closed = closeTogether(client, upstream);
  }

  /** Ends the session with a last message, at once or when the running statement is over. */
  endWith(farewell: Buffer): void {
    this.#farewell = farewell;
    if (this.#awaitsStatement) this.#leave(farewell);
  }

  /** Ends the session in the middle of whatever it does. */
  destroy(): void {
    this.#sides.client.destroy();
    this.#sides.upstream.destroy();
  }

  get isIdle(): boolean {
    return this.#awaitsStatement;
  }

  #leave(farewell: Buffer): void {
    const { client, upstream } = this.#sides;
    client.end(farewell);
    upstream.end(frontend.terminate.frame);
    lingerThenDestroy(client);
  }
}

async function closeTogether(client: Duplex, upstream: Duplex): Promise<void> {
  await Promise.all([closeAfterClient(client, upstream), closeAfterUpstream(client, upstream)]);
}

async function closeAfterClient(client: Duplex, upstream: Duplex): Promise<void> {
  await socketClosed(client);
  upstream.destroy();
}

async function closeAfterUpstream(client: Duplex, upstream: Duplex): Promise<void> {
  await socketClosed(upstream);
  client.end();
  lingerThenDestroy(client);
}

function pump(from: Duplex, to: Duplex, afterWrite: (chunk: Buffer) => void): void {
  from.on('data', (chunk: Buffer) => {
    if (to.writable && !to.write(chunk)) from.pause();
    afterWrite(chunk);
  });
  to.on('drain', () => from.resume());
  // A client that sent its end along with its login has been read to the end by now.
  if (from.readableEnded) to.end();
  else from.once('end', () => to.end());
  from.resume();
}

/** True at a boundary between messages; a row that happens to end like this is the rare exception. */
function endsWithReady(chunk: Buffer): boolean {
  const at = chunk.length - 6;
  return at >= 0 && chunk[at] === 0x5a && chunk.readUIntBE(at, 5) === readyForQuery;
}

function lingerThenDestroy(socket: Duplex): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}
