/**
 * Accepts connections and keeps count of them: how many there may be, how many of them may not
 * have proven yet who they are, and how all of them end.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ClientSession, type SessionContext } from './client-session.ts';
import { refusals } from './refusal.ts';

export type ListenOn =
  | { readonly fd: number }
  | { readonly port: number; readonly address: string };

export type ConnectionLimits = {
  readonly maxConnections: number;
  /** Connections that have not authenticated; beyond it newcomers are turned away at once. */
  readonly maxUnauthenticated: number;
};

export type ProxyServerOptions = {
  readonly listenOn: ListenOn;
  readonly limits: ConnectionLimits;
  readonly context: SessionContext;
};

const backlog = 4096;
const keepAliveInitialDelay = 60_000;
/** After this a statement that does not let itself be cancelled is cut off. */
const stopGraceMs = 2_000;

export class ProxyServer implements AsyncDisposable {
  readonly #options: ProxyServerOptions;
  readonly #server: Server;
  readonly #running = new Map<ClientSession, Promise<void>>();
  #unauthenticated = 0;

  private constructor(options: ProxyServerOptions) {
    this.#options = options;
    // Half-open, so that a client that has only finished sending still gets its answer.
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay },
      (socket) => this.#accept(socket),
    );
  }

  static async open(options: ProxyServerOptions): Promise<ProxyServer> {
    const server = new ProxyServer(options);
    await server.#listen();
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#running.size;
  }

  /** Accepts no more connections; resolves when the last open one has ended by itself. */
  async drain(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Accepts no more connections and ends the open ones with SQLSTATE 57P01. */
  async [Symbol.asyncDispose](): Promise<void> {
    const drained = this.drain();
    for (const session of this.#running.keys()) session.stop();
    const cut = setTimeout(() => {
      for (const session of this.#running.keys()) session.destroy();
    }, stopGraceMs);
    await drained;
    clearTimeout(cut);
  }

  #accept(socket: Socket): void {
    const { maxConnections, maxUnauthenticated } = this.#options.limits;
    if (this.#running.size >= maxConnections || this.#unauthenticated >= maxUnauthenticated) {
      turnAway(socket);
      return;
    }
    const session = new ClientSession(socket, this.#options.context);
    this.#running.set(session, this.#run(session));
  }

  async #run(session: ClientSession): Promise<void> {
    let counted = true;
    const uncount = () => {
      if (counted) this.#unauthenticated -= 1;
      counted = false;
    };
    this.#unauthenticated += 1;
    try {
      await session.run(uncount);
    } finally {
      uncount();
      this.#running.delete(session);
    }
  }

  #listen(): Promise<void> {
    const { listenOn } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const where =
        'fd' in listenOn ? listenOn : { port: listenOn.port, host: listenOn.address, backlog };
      this.#server.listen(where, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }
}

/** Plainly, before TLS: libpq shows an error that comes in place of the answer to its SSLRequest. */
function turnAway(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.end(refusals.tooManyConnections().frame, () => socket.destroy());
}
