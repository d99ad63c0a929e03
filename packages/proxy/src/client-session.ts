/**
 * One client connection from its first byte to its last: handshake, route, authenticate, wake,
 * relay. Each step may end it, and whatever ends it is told to the client and logged here, once.
 */
import type { Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { type Logger, withDeadline } from '@pgfleet/kit';
import { backend, type Preamble, type ScramKeys } from '@pgfleet/pgwire';
import type { ActivityReporter } from './activity.ts';
import {
  askPassword,
  authenticatePassword,
  authenticateScram,
  type Challenge,
  checkAddress,
} from './authenticate.ts';
import { type CancelDesk, type CancelTarget, sendCancel } from './cancel.ts';
import { type ClientConnection, type Greeting, handshake } from './handshake.ts';
import { plainAddress } from './ip-allow.ts';
import { type Refusal, refusals, severityOf, toRefusal } from './refusal.ts';
import { Relay } from './relay.ts';
import {
  postgresOptions,
  requestedEndpoint,
  type RequestedEndpoint,
  splitPassword,
} from './requested-endpoint.ts';
import { requestedPoint } from './requested-point.ts';
import type { Route, Router } from './route.ts';
import type { ServerTls } from './server-tls.ts';
import { socketClosed } from './socket-closed.ts';
import { HangUpError, SocketReader } from './socket-reader.ts';
import { type Awake, wake } from './wake.ts';

/** What all sessions of a process share. */
export type SessionContext = {
  readonly tls: ServerTls;
  readonly domain: string;
  readonly router: Router;
  readonly cancelDesk: CancelDesk;
  readonly activity: ActivityReporter;
  readonly mockSecret: Buffer;
  /** How long a client may take for each of handshake and authentication. */
  readonly handshakeTimeoutMs: number;
  /** How long a client waits for its compute. */
  readonly wakeTimeoutMs: number;
  readonly log: Logger;
};

type Startup = Extract<Greeting, { kind: 'startup' }>;

/** A client that has proven who it is, and where it wants to go. */
type Account = Route & { readonly role: string; readonly keys: ScramKeys };

/** How long the client may take to read why it is turned away. */
const refusalLingerMs = 2_000;

export class ClientSession {
  readonly #context: SessionContext;
  readonly #socket: Socket;
  readonly #client: ClientConnection;
  readonly #stopped = new AbortController();
  readonly #startedMs = performance.now();
  #log: Logger;
  #relay: Relay | undefined;
  #cancelTarget: CancelTarget | undefined;

  constructor(socket: Socket, context: SessionContext) {
    this.#context = context;
    this.#socket = socket;
    const remoteAddress = plainAddress(socket.remoteAddress ?? '');
    this.#client = { socket, reader: new SocketReader(socket), remoteAddress };
    this.#log = context.log.child({ session_id: randomUUID(), client: remoteAddress });
    // An error always comes with `close`, which is where it is noticed.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#stopped.abort(new HangUpError('connection closed by peer')));
  }

  /** Serves the connection to its end; `onAuthenticated` is called when the client is known. */
  async run(onAuthenticated: () => void): Promise<void> {
    try {
      const greeting = await this.#inTime('the handshake', () =>
        handshake(this.#client, this.#socket, this.#context.tls),
      );
      if (greeting.kind === 'cancel-request') await this.#cancel(greeting);
      else await this.#serve(greeting, onAuthenticated);
    } catch (error) {
      this.#refuse(error);
    }
    await socketClosed(this.#socket);
  }

  /** Ends the session in an orderly way; a running statement is cancelled first. */
  stop(): void {
    const relay = this.#relay;
    if (!relay) {
      this.#stopped.abort(refusals.shuttingDown());
      return;
    }
    relay.endWith(refusals.shuttingDown().frame);
    if (!relay.isIdle && this.#cancelTarget) void sendCancel(this.#cancelTarget);
  }

  /** Ends the session at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #serve(startup: Startup, onAuthenticated: () => void): Promise<void> {
    const at = requestedPoint(startup.parameters.get('options') ?? '');
    if (at) this.#log = this.#log.child({ at });
    const account = await this.#authenticate(startup);
    onAuthenticated();
    this.#client.socket.write(backend.authentication.encode({ step: 'ok' }));
    const awake = await wake({
      ...account,
      at,
      parameters: upstreamParameters(startup.parameters),
      timeoutMs: this.#context.wakeTimeoutMs,
      signal: this.#stopped.signal,
    });
    await this.#relayTo(awake, account);
  }

  async #authenticate(startup: Startup): Promise<Account> {
    const { parameters, serverName } = startup;
    const user = parameters.get('user');
    if (!user) throw refusals.missingUser();
    this.#negotiateVersion(startup);
    const options = parameters.get('options') ?? '';
    const requested = requestedEndpoint(serverName, options, this.#context.domain);
    return requested ? this.#withScram(user, requested) : this.#withPassword(user);
  }

  async #withScram(user: string, requested: RequestedEndpoint): Promise<Account> {
    const route = await this.#route(user, requested);
    const challenge = this.#challenge(user, route);
    const keys = await this.#inTime('authentication', () =>
      authenticateScram(this.#client, challenge),
    );
    return this.#admit({ ...route, role: user, keys });
  }

  /** No endpoint is known yet, so the password has to name it. */
  async #withPassword(user: string): Promise<Account> {
    const text = await this.#inTime('authentication', () => askPassword(this.#client));
    const { name, password } = splitPassword(text);
    const route = await this.#route(user, { name });
    const keys = await authenticatePassword(password, this.#challenge(user, route));
    return this.#admit({ ...route, role: user, keys });
  }

  async #route(role: string, requested: RequestedEndpoint): Promise<Route> {
    this.#log = this.#log.child({ endpoint_id: requested.name });
    const signal = this.#stopped.signal;
    const route = await this.#context.router.login({ ...requested, role, signal });
    checkAddress(this.#client.remoteAddress, route.login);
    return route;
  }

  #challenge(user: string, { login }: Route): Challenge {
    const { mockSecret, tls } = this.#context;
    const { channelBinding } = tls;
    return { user, verifier: login.verifier, channelBinding, mockSecret };
  }

  #admit(account: Account): Account {
    if (account.login.disabled) throw refusals.endpointDisabled();
    if (account.login.unmasked) throw refusals.branchUnmasked();
    return account;
  }

  async #relayTo({ upstream, endpointId }: Awake, { host }: Account): Promise<void> {
    const { activity, cancelDesk } = this.#context;
    const { traffic, close } = activity.open(host, endpointId);
    const { key, release } = cancelDesk.issue(upstream);
    try {
      this.#cancelTarget = upstream;
      this.#log.info({ login_ms: this.#elapsedMs() }, 'client connected');
      const { greeting, ready, socket } = upstream;
      const opening = [...greeting, backend.backendKeyData.encode(key), ready];
      this.#client.socket.write(Buffer.concat(opening));
      this.#client.reader.release();
      this.#relay = new Relay({ client: this.#client.socket, upstream: socket, traffic });
      await this.#relay.closed;
      this.#log.info({ session_ms: this.#elapsedMs() }, 'client disconnected');
    } finally {
      release();
      close();
    }
  }

  async #cancel(request: Extract<Preamble, { kind: 'cancel-request' }>): Promise<void> {
    await this.#context.cancelDesk.cancel(request);
    this.#client.socket.end();
    this.#lingerThenDestroy();
  }

  /** We speak 3.0 and no protocol extension; newer clients take that for an answer. */
  #negotiateVersion({ minorVersion, parameters }: Startup): void {
    const unrecognized = [...parameters.keys()].filter(isProtocolExtension);
    if (minorVersion === 0 && unrecognized.length === 0) return;
    this.#client.socket.write(
      backend.negotiateProtocolVersion.encode({ minorVersion: 0, unrecognized }),
    );
  }

  #inTime<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#stopped;
    return withDeadline(work, { what, timeoutMs: this.#context.handshakeTimeoutMs, signal });
  }

  #refuse(error: unknown): void {
    const { socket } = this.#client;
    const refusal = toRefusal(error);
    this.#logRefusal(error, refusal);
    if (refusal && socket.writable) socket.end(refusal.frame);
    else socket.destroy();
    // Unread bytes at close would reset the connection and take the answer with them.
    socket.resume();
    this.#lingerThenDestroy();
  }

  #logRefusal(error: unknown, refusal: Refusal | undefined): void {
    const severity = severityOf(error);
    if (severity !== 'info') this.#log[severity]({ err: error }, 'connection failed');
    else if (refusal) this.#log.info({ reason: refusal.message }, 'connection refused');
    else this.#log.info('client hung up before it was connected');
  }

  #lingerThenDestroy(): void {
    const timer = setTimeout(() => this.#socket.destroy(), refusalLingerMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #elapsedMs(): number {
    return Math.round(performance.now() - this.#startedMs);
  }
}

const isProtocolExtension = (name: string) => name.startsWith('_pq_.');

/** Of connection strings: drivers that do not know them send them on, and Postgres would refuse. */
const clientSettings: ReadonlySet<string> = new Set([
  'channel_binding',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
]);

/** What the client asked for, less what was meant for the proxy. */
function upstreamParameters(given: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const options = postgresOptions(given.get('options') ?? '');
  const kept = [...given].filter(
    ([name]) => name !== 'options' && !isProtocolExtension(name) && !clientSettings.has(name),
  );
  return new Map(options === '' ? kept : [...kept, ['options', options]]);
}
