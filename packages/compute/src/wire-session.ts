import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  backend,
  type Frame,
  FrameSplitter,
  frontend,
  ProtocolError,
  ScramClient,
  serverLimits,
  startupMessage,
} from '@pgfleet/pgwire';

export interface WireLogin {
  readonly socketDirectory: string;
  readonly user: string;
  readonly secret: string;
  readonly database: string;
  /** Settings for the session as the `options` parameter takes them. */
  readonly settings: string;
  /** The session breaks when Postgres has sent more than this. */
  readonly maxReceivedBytes: number;
  readonly signal: AbortSignal;
}

/** A session whose bytes are relayed for somebody else who speaks the protocol. */
export class WireSession implements Disposable {
  /** What Postgres said from AuthenticationOk to ReadyForQuery. */
  greeting: Buffer = Buffer.alloc(0);
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #splitter = new FrameSplitter(serverLimits);
  #quotaBytes: number;

  private constructor(login: WireLogin) {
    this.#quotaBytes = login.maxReceivedBytes;
    const path = join(login.socketDirectory, '.s.PGSQL.5432');
    this.#socket = connect({ path, signal: login.signal });
    this.#chunks = this.#socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    // Errors surface where the socket is read; this is for those that come between two reads.
    this.#socket.on('error', () => undefined);
  }

  /** Logs in over the Unix socket with SCRAM. */
  static async open(login: WireLogin): Promise<WireSession> {
    login.signal.throwIfAborted();
    const session = new WireSession(login);
    try {
      session.send(startup(login));
      const authenticated = await session.#authenticate(login.secret);
      session.greeting = Buffer.concat([authenticated, await session.readUntilReady()]);
      return session;
    } catch (error) {
      session[Symbol.dispose]();
      throw error;
    }
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** All messages up to the next ReadyForQuery. */
  async readUntilReady(): Promise<Buffer> {
    const frames: Buffer[] = [];
    for (;;) {
      const { tag, bytes } = await this.#frame();
      frames.push(bytes);
      if (tag === backend.readyForQuery.tag) return Buffer.concat(frames);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  // Yields AuthenticationOk.
  async #authenticate(password: string): Promise<Buffer> {
    const scram = new ScramClient({ credential: { password } });
    for (;;) {
      const frame = await this.#frame();
      if (frame.tag === backend.errorResponse.tag) throw refusal(frame);
      const message = backend.authentication.decode(frame.body);
      if (message.step === 'ok') return frame.bytes;
      this.send(await answer(scram, message));
    }
  }

  async #frame(): Promise<Frame> {
    for (;;) {
      const frame = this.#splitter.next();
      if (frame) return frame;
      const { value, done } = await this.#chunks.next();
      if (done) throw new Error('Postgres closed the connection');
      this.#quotaBytes -= value.length;
      if (this.#quotaBytes < 0) throw new Error('Postgres sent more than a dump may read');
      this.#splitter.push(value);
    }
  }
}

function startup({ user, database, settings }: WireLogin): Buffer {
  const parameters = { user, database, options: settings, application_name: 'pgfleet' };
  return startupMessage(Object.entries(parameters));
}

type AuthenticationStep = ReturnType<typeof backend.authentication.decode>;

async function answer(scram: ScramClient, message: AuthenticationStep): Promise<Uint8Array> {
  switch (message.step) {
    case 'sasl': {
      const { mechanism } = scram;
      return frontend.saslInitialResponse.encode({ mechanism, data: scram.start() });
    }
    case 'sasl-continue':
      return frontend.saslResponse.encode({ data: await scram.proceed(message.data) });
    case 'sasl-final':
      scram.finish(message.data);
      return Buffer.alloc(0);
    case 'ok':
    case 'cleartext-password':
    case 'unsupported':
    default:
      throw new ProtocolError('Postgres does not ask for SCRAM-SHA-256');
  }
}

function refusal({ body }: Frame): Error {
  return new Error(backend.errorResponse.decode(body).message);
}
