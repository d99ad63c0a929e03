/**
 * From an authenticated client to a session at its compute: start the compute where none runs,
 * and start it again where it vanished between the answer and the login. Bounded in time; a
 * failure is told to the client, and its next attempt begins anew.
 *
 * A compute that runs is asked for as well: its host then knows that somebody comes, and does not
 * suspend it at the end of its idle time under a client that is just being let in.
 */
import {
  type CallContext,
  type EndpointId,
  PgfleetError,
  type PointInTime,
} from '@pgfleet/contract';
import { RpcUnreachableError, sleep } from '@pgfleet/kit';
import { refusals } from './refusal.ts';
import type { Route } from './route.ts';
import { loginUpstream, type Upstream, UpstreamGoneError, type UpstreamLogin } from './upstream.ts';

export type WakeOptions = UpstreamLogin &
  Route & {
    readonly role: string;
    /** Undefined: as it is now. */
    readonly at: PointInTime | undefined;
    readonly timeoutMs: number;
  };

/** A session and the endpoint that it is a session of. */
export type Awake = { readonly endpointId: EndpointId; readonly upstream: Upstream };

const firstPauseMs = 5;
const longestPauseMs = 500;

/** Throws a {@link PgfleetError}, or what {@link loginUpstream} throws. */
export async function wake(options: WakeOptions): Promise<Awake> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      const { timeoutMs } = options;
      const { endpointId, socketPath } = await start(options, { signal, timeoutMs });
      return { endpointId, upstream: await loginUpstream(socketPath, { ...options, signal }) };
    } catch (error) {
      options.signal.throwIfAborted();
      if (deadline.aborted) throw new PgfleetError('compute_start_timeout', { cause: error });
      if (!isWorthAnotherTry(error)) throw error;
      await pause(pauseMs, signal);
    }
  }
}

/** Starts the endpoint, or the one that shows its branch as it was. */
async function start({ host, login, role, at }: WakeOptions, context: CallContext) {
  const { endpointId, verifier } = login;
  if (at === undefined) return { endpointId, ...(await host.start(endpointId, context)) };
  // Nobody can have logged in against no verifier.
  if (verifier === null) throw refusals.passwordFailed(role);
  return host.timeTravel({ endpointId, at, role: { name: role, verifier } }, context);
}

/** The host restarts, the compute is between two states, or it died under our hands. */
function isWorthAnotherTry(error: unknown): boolean {
  if (error instanceof UpstreamGoneError || error instanceof RpcUnreachableError) return true;
  if (!(error instanceof PgfleetError)) return false;
  return error.code === 'timeline_locked' || error.code === 'conflicting_operations';
}

/** An abort is noticed by the attempt that follows. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
