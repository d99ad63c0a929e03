import { once } from 'node:events';
import { createServer, createConnection } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';

/* What a server says when a transaction was committed: CommandComplete of the Postgres protocol. */
const COMMITTED = Buffer.from('C\0\0\0\x0bCOMMIT\0', 'latin1');

/**
 * A stand-in for a Postgres socket that passes everything on, until it is told to keep what the server
 * says of the next commit to itself.
 */
export class CommitGate implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #onCommit: (() => void) | undefined;

  private constructor(target: string) {
    this.#server = createServer((client) => this.#join(client, createConnection(target)));
  }

  /** Listens in `directory` for what is meant for the server whose socket is in `serverDirectory`. */
  static async open(directory: string, serverDirectory: string): Promise<CommitGate> {
    const gate = new CommitGate(join(serverDirectory, '.s.PGSQL.5432'));
    gate.#server.listen(join(directory, '.s.PGSQL.5432'));
    await once(gate.#server, 'listening');
    return gate;
  }

  /** Resolves when the server has committed something, of which the client does not hear. */
  holdNextCommit(): Promise<void> {
    return new Promise((resolve) => (this.#onCommit = resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      // A process that is killed resets its connections; the other side then has to go, too.
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      const onCommit = this.#onCommit;
      if (!onCommit || !bytes.includes(COMMITTED)) {
        client.write(bytes);
        return;
      }
      this.#onCommit = undefined;
      onCommit();
    });
  }
}
