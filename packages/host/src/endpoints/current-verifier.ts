import { PgfleetError } from '@pgfleet/contract';
import { retry } from '@pgfleet/kit';
import { toHostError } from '../host-error.ts';
import type { HostLayout } from '../storage/host-layout.ts';
import type { TimelineClaims } from '../timelines/timeline-claims.ts';
import type { Timelines } from '../timelines/timelines.ts';
import type { ComputeRun } from './compute-run.ts';
import type { Endpoint } from './endpoint.ts';
import { isReplica } from './served-timeline.ts';
import { readCapturedVerifiers } from '../timelines/resting-verifiers.ts';

export interface VerifierSources {
  readonly timelines: Timelines;
  readonly claims: TimelineClaims;
  readonly layout: HostLayout;
}

// Less than the contract's client waits. Only a compute that is suspended again and again while it
// is being asked makes this take longer than one start.
const TIMEOUT_MS = 50_000;
// A backend that crashed makes Postgres restart all of them, which takes a moment.
const ASKING = { attempts: 9, baseMs: 10, capMs: 1000 } as const;

/**
 * Returns a role's verifier as it is now: from the running compute, from what was captured when it
 * went to rest, or from the specification of a timeline that was never opened. When none of them
 * knows, because the compute did not end cleanly, it is started to be asked.
 */
export async function currentVerifier(
  endpoint: Endpoint,
  role: string,
  sources: VerifierSources,
): Promise<string | null> {
  const end = performance.now() + TIMEOUT_MS;
  while (performance.now() < end) {
    if (!isReplica(endpoint.spec)) await endpoint.settle();
    const running = writerOf(endpoint, sources);
    if (running) {
      const verifier = await ask(running, role, () => writerOf(endpoint, sources));
      if (verifier !== undefined) return verifier;
      continue;
    }
    await sources.timelines.remade(endpoint.spec.timelineId);
    const foreseen = foreseenVerifier(endpoint, role, sources);
    if (foreseen) return foreseen;
    const resting = restingVerifiers(endpoint, sources);
    if (resting) return resting.get(role) ?? null;
    if (endpoint.spec.disabled || endpoint.spec.unmasked) return null;
    await endpoint.start();
    if (isReplica(endpoint.spec)) return endpoint.running?.verifierOf(role) ?? null;
  }
  throw new PgfleetError('compute_start_timeout');
}

// A compute that ended meanwhile has not answered; what it is now is looked at again.
async function ask(
  run: ComputeRun,
  role: string,
  current: () => ComputeRun | undefined,
): Promise<string | null | undefined> {
  const isStillRunning = () => current() === run;
  try {
    return await retry(() => run.verifierOf(role), { ...ASKING, retryable: isStillRunning });
  } catch (error) {
    if (isStillRunning()) throw toHostError(error, 'unavailable');
    return undefined;
  }
}

// A replica has the roles of its branch, a moment later.
function writerOf(
  { running, spec }: Endpoint,
  { claims }: VerifierSources,
): ComputeRun | undefined {
  return isReplica(spec) ? claims.running(spec.timelineId) : running;
}

// Of the roles that the API shows; of others only a recovery knows.
function foreseenVerifier(
  { spec: { timelineId } }: Endpoint,
  role: string,
  { timelines }: VerifierSources,
): string | null | undefined {
  const { pending } = timelines.ready(timelineId);
  return pending?.content?.roles.find(({ name, canLogin }) => canLogin && name === role)?.verifier;
}

function restingVerifiers(
  { spec: { timelineId } }: Endpoint,
  { timelines, layout }: VerifierSources,
): ReadonlyMap<string, string> | undefined {
  const { specApplied, spec } = timelines.ready(timelineId);
  // What a copy has besides its specification is captured with it.
  if (!specApplied && spec.source.kind === 'template')
    return new Map(spec.initial.roles.map(({ name, verifier }) => [name, verifier]));
  const dataDirectory = timelines.dataDirectory(timelineId);
  return readCapturedVerifiers({ dataDirectory, path: layout.verifiers(timelineId) });
}
