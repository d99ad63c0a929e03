/**
 * The login at a compute: over its unix socket, with the keys that the client's own SCRAM login
 * disclosed, so that nothing is derived and no password is known.
 */
import { connect, type Socket } from 'node:net';
import {
  backend,
  type Frame,
  frontend,
  ProtocolError,
  ScramClient,
  type ScramKeys,
  scramMechanism,
  startupMessage,
} from '@pgfleet/pgwire';
import type { CancelKey } from './cancel.ts';
import { Refusal } from './refusal.ts';
import { HangUpError, SocketReader } from './socket-reader.ts';

/** A session that Postgres has opened and that waits for its first statement. */
export type Upstream = {
  readonly socket: Socket;
  readonly socketPath: string;
  readonly processId: number;
  readonly secretKey: Buffer;
  /** What Postgres said between AuthenticationOk and ReadyForQuery, but for the key. */
  readonly greeting: readonly Buffer[];
  readonly ready: Buffer;
};

/** Nobody serves at this socket (any more, or yet): the compute must be started again. */
export class UpstreamGoneError extends Error {
  override readonly name = 'UpstreamGoneError';
}

export type UpstreamLogin = {
  readonly parameters: ReadonlyMap<string, string>;
  readonly keys: ScramKeys;
  readonly signal: AbortSignal;
};

/** Throws {@link UpstreamGoneError}, or a {@link Refusal} with what Postgres said. */
export async function loginUpstream(socketPath: string, login: UpstreamLogin): Promise<Upstream> {
  login.signal.throwIfAborted();
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  const abort = () => socket.destroy();
  login.signal.addEventListener('abort', abort, { once: true });
  try {
    // Errors surface where the socket is read, as a hang-up whose cause they are.
    socket.on('error', () => undefined);
    const reader = new SocketReader(socket);
    socket.write(startupMessage(login.parameters));
    await authenticate(socket, reader, login.keys);
    const session = await readGreeting(reader);
    reader.release();
    return { socket, socketPath, ...session };
  } catch (error) {
    socket.destroy();
    login.signal.throwIfAborted();
    throw error instanceof HangUpError
      ? new UpstreamGoneError(`compute at ${socketPath} is gone`, { cause: error })
      : error;
  } finally {
    login.signal.removeEventListener('abort', abort);
  }
}

async function authenticate(socket: Socket, reader: SocketReader, keys: ScramKeys): Promise<void> {
  const scram = new ScramClient({ credential: { keys } });
  for (;;) {
    const message = backend.authentication.decode((await nextFrame(reader, 'R')).body);
    switch (message.step) {
      case 'ok':
        return;
      case 'sasl':
        socket.write(
          frontend.saslInitialResponse.encode({ mechanism: scramMechanism, data: scram.start() }),
        );
        break;
      case 'sasl-continue':
        socket.write(frontend.saslResponse.encode({ data: await scram.proceed(message.data) }));
        break;
      case 'sasl-final':
        scram.finish(message.data);
        break;
      case 'cleartext-password':
      case 'unsupported':
        throw new ProtocolError('the compute does not ask for SCRAM-SHA-256');
    }
  }
}

async function readGreeting(reader: SocketReader) {
  const greeting: Buffer[] = [];
  let key: CancelKey = { processId: 0, secretKey: Buffer.alloc(4) };
  for (;;) {
    const frame = await nextFrame(reader);
    if (frame.tag === backend.readyForQuery.tag) return { ...key, greeting, ready: frame.bytes };
    if (frame.tag === backend.backendKeyData.tag) key = backend.backendKeyData.decode(frame.body);
    else greeting.push(frame.bytes);
  }
}

async function nextFrame(reader: SocketReader, expected?: string): Promise<Frame> {
  const frame = await reader.frame();
  if (frame.tag === backend.errorResponse.tag) throw refusal(frame);
  if (expected !== undefined && frame.tag !== expected.charCodeAt(0)) {
    throw new ProtocolError('unexpected message from the compute during login');
  }
  return frame;
}

/** 57P03: starting up or shutting down; 57P01, 57P02: being stopped. */
function refusal({ body }: Frame): Error {
  const { message = '', ...fields } = backend.errorResponse.decode(body);
  const gone = /^57P0[123]$/.test(fields.sqlstate ?? '');
  return gone ? new UpstreamGoneError(message) : new Refusal(message, fields);
}
