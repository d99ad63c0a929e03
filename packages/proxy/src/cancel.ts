/**
 * Cancel requests. A client gets a key of the proxy's own, because it cannot reach the compute and
 * must not learn the compute's; the key says which worker process keeps the session, so that a
 * request which the kernel hands to another worker finds its way.
 *
 * processId = worker (10 bits) and session (21 bits); secretKey = 32 random bits.
 */
import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { FileLock, type Logger } from '@pgfleet/kit';
import { cancelRequest } from '@pgfleet/pgwire';
import { SocketReader } from './socket-reader.ts';

/** What a compute asks for to cancel a statement. */
export type CancelTarget = {
  readonly socketPath: string;
  readonly processId: number;
  readonly secretKey: Buffer;
};

/** The key in a client's hands. */
export type CancelKey = { readonly processId: number; readonly secretKey: Buffer };

const sessionBits = 21;
const maxSessions = 2 ** sessionBits;
const maxWorkers = 2 ** 10;

/** A cancel request is one packet each way; more time than this means that nobody answers. */
const timeoutMs = 5_000;

/** Keeps the keys of this process' sessions, and passes on requests for those of others. */
export class CancelDesk implements AsyncDisposable {
  readonly #runDir: string;
  readonly #worker: Worker;
  readonly #server: Server;
  readonly #log: Logger;
  readonly #targets = new Map<number, { readonly secret: Buffer; readonly target: CancelTarget }>();
  #lastSession = randomInt(maxSessions);

  private constructor(runDir: string, worker: Worker, log: Logger) {
    this.#runDir = runDir;
    this.#worker = worker;
    this.#log = log;
    this.#server = createServer((socket) => void this.#serveForwarded(socket));
  }

  /** Takes the first worker number that no living process has, and listens for the others. */
  static async open(runDir: string, log: Logger): Promise<CancelDesk> {
    const worker = claimWorker(runDir);
    const desk = new CancelDesk(runDir, worker, log);
    const path = workerSocket(runDir, worker.number);
    await rm(path, { force: true });
    await listen(desk.#server, path);
    log.info({ worker: worker.number }, 'proxy worker number taken');
    return desk;
  }

  /** Gives a session its key; `release` it when the session ends. */
  issue(target: CancelTarget): { readonly key: CancelKey; readonly release: () => void } {
    const session = this.#freeSession();
    const secret = randomBytes(4);
    this.#targets.set(session, { secret, target });
    const processId = this.#worker.number * maxSessions + session;
    return {
      key: { processId, secretKey: secret },
      release: () => this.#targets.delete(session),
    };
  }

  /** Acts on a client's request; resolves when the compute has it, or when it came to nothing. */
  async cancel(key: CancelKey): Promise<void> {
    const worker = Math.floor((key.processId >>> 0) / maxSessions);
    if (worker === this.#worker.number) return this.#cancelOwn(key);
    if (worker < maxWorkers) return deliver(workerSocket(this.#runDir, worker), key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    this.#worker.lock.release();
  }

  async #cancelOwn({ processId, secretKey }: CancelKey): Promise<void> {
    const known = this.#targets.get(processId % maxSessions);
    const matches =
      known?.secret.length === secretKey.length && timingSafeEqual(known.secret, secretKey);
    if (matches) await sendCancel(known.target);
  }

  async #serveForwarded(socket: Socket): Promise<void> {
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('error', () => undefined);
    try {
      const preamble = await new SocketReader(socket).preamble();
      if (preamble.kind === 'cancel-request') await this.#cancelOwn(preamble);
    } catch (error) {
      this.#log.warn({ err: error }, 'another worker forwarded no cancel request');
    } finally {
      socket.destroy();
    }
  }

  #freeSession(): number {
    if (this.#targets.size >= maxSessions) throw new Error('no cancel key is left');
    do this.#lastSession = (this.#lastSession + 1) % maxSessions;
    while (this.#targets.has(this.#lastSession));
    return this.#lastSession;
  }
}

/** Asks a compute to cancel what a session runs; as in Postgres, nobody learns whether it did. */
export function sendCancel(target: CancelTarget): Promise<void> {
  return deliver(target.socketPath, target);
}

function deliver(socketPath: string, key: CancelKey): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.setTimeout(timeoutMs, () => socket.destroy());
    // The compute or the worker is gone, and the statement with it.
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
    socket.resume();
    socket.write(cancelRequest(key.processId, key.secretKey));
  });
}

type Worker = { readonly number: number; readonly lock: FileLock };

/** Numbers belong to processes, not to a supervisor: an old proxy that drains keeps its own. */
function claimWorker(runDir: string): Worker {
  for (let number = 0; number < maxWorkers; number++) {
    const lock = FileLock.tryAcquire(join(runDir, `proxy-${number}.lock`));
    if (lock) return { number, lock };
  }
  throw new Error(`more than ${maxWorkers} proxy workers share ${runDir}`);
}

function workerSocket(runDir: string, number: number): string {
  return join(runDir, `proxy-${number}.sock`);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
