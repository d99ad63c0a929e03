import { ComputeError, mentioned, readControlFile } from '@pgfleet/compute';
import { errorCatalogue } from '@pgfleet/contract';
import type { TimelineId } from '@pgfleet/contract';
import { retry } from '@pgfleet/kit';
import { toHostError } from '../host-error.ts';
import type { ComputeParts } from './compute-parts.ts';
import { ComputeRun } from './compute-run.ts';
import type { LaunchOptions } from './compute-run.ts';
import { beginToFollow, endFollowing } from './follower.ts';
import { hasChoices } from './refused-settings.ts';
import type { ComputeSpec } from './served-timeline.ts';

const ATTEMPTS = 2;
// How often a compute may have grown between a point of history and the next one.
const MAX_SIZES = 5;
const RETRY = { attempts: ATTEMPTS, baseMs: 100, capMs: 100 } as const;

/**
 * Runs a compute on the timeline of a specification. The endpoint has the timeline from then on, until
 * it is released.
 *
 * @throws PgfleetError `timeline_locked` when another endpoint has it; whatever else
 * {@link ComputeRun.launch} throws. Nothing is left then.
 */
export async function openCompute(
  parts: ComputeParts,
  spec: ComputeSpec,
  options: LaunchOptions,
): Promise<ComputeRun> {
  const { claims } = parts;
  const { timelineId, endpointId } = spec;
  const { signal } = options;
  try {
    await claims.enter(timelineId, endpointId, signal);
    const run = await launchAnyhow(parts, spec, options);
    claims.seat(run);
    return run;
  } catch (error) {
    if (spec.follows) await discardFollower(parts, spec);
    claims.release(timelineId, endpointId);
    throw error;
  }
}

// A tenant's choices may keep Postgres from starting, and only Postgres knows which ones do. That it does
// start without them is what proves it.
async function launchAnyhow(
  parts: ComputeParts,
  spec: ComputeSpec,
  options: LaunchOptions,
): Promise<ComputeRun> {
  const { refusedSettings, log } = parts;
  const { endpointId } = spec;
  const { signal } = options;
  const retryable = isWorthAnotherAttempt;
  refusedSettings.forgetIfOld(endpointId);
  try {
    return await retry(() => launchOrRemake(parts, spec, options), { ...RETRY, signal, retryable });
  } catch (error) {
    if (signal.aborted || !hasEnded(error) || !hasChoices(spec)) throw error;
    if (refusedSettings.has(spec)) throw error;
    const names = mentioned(logOf(error), Object.keys(spec.pgSettings));
    refusedSettings.note(spec, names);
    try {
      const run = await launchOrRemake(parts, spec, options);
      const fields = { err: error, endpoint_id: endpointId, settings: names };
      log.warn(fields, 'a compute runs without settings that it did not start with');
      return run;
    } catch {
      refusedSettings.forget(endpointId);
      throw error;
    }
  }
}

function hasEnded(error: unknown): error is ComputeError {
  return error instanceof ComputeError && error.code === 'instance_start_failed';
}

function logOf({ cause }: ComputeError): string {
  return cause instanceof Error ? cause.message : '';
}

// What cannot be removed now is found by the next launch.
async function discardFollower(
  { timelines, claims, log }: ComputeParts,
  { timelineId, endpointId }: ComputeSpec,
): Promise<void> {
  if (claims.running(timelineId)) return;
  await endFollowing({ timelines }, timelineId).catch((error: unknown) => {
    const fields = { err: error, endpoint_id: endpointId, timeline_id: timelineId };
    log.warn(fields, 'the timeline of a replica stays');
  });
}

// What the launch was to recover is made another way, which says what is wrong if that fails too. What is
// to follow another one has been made just now.
async function launchOrRemake(
  parts: ComputeParts,
  spec: ComputeSpec,
  options: LaunchOptions,
): Promise<ComputeRun> {
  const { timelines, recoveries, log } = parts;
  const { timelineId, endpointId } = spec;
  const launch = () => ComputeRun.launch(parts, spec, options);
  if (spec.follows) await beginToFollow(parts, { timelineId, follows: spec.follows }, options);
  if (timelines.find(timelineId)?.pending?.lacksData) {
    await timelines.remake(timelineId, { isWhole: false, signal: options.signal });
  }
  const replays = () => spec.follows !== undefined || timelines.isPending(timelineId);
  for (let sizes = 1; replays(); sizes++) {
    const before = neededRoom(parts, timelineId);
    try {
      return await recoveries.run(launch, options.signal);
    } catch (error) {
      if (options.signal.aborted || !replays()) throw error;
      const isFurther = isMore(neededRoom(parts, timelineId), before);
      if (isFurther && sizes < MAX_SIZES) continue;
      if (spec.follows) throw error;
      const fields = { err: error, endpoint_id: endpointId, timeline_id: timelineId };
      log.info(fields, 'a copy is recovered before its first launch instead of by it');
      await timelines.remake(timelineId, { isWhole: true, signal: options.signal });
    }
  }
  return launch();
}

/**
 * What a standby is given at least. Where its WAL comes to the start of a larger compute
 * Postgres writes down what that had, and gives up for want of it: the next attempt has it. Nothing is
 * known of a tree that is damaged.
 */
function neededRoom({ timelines }: ComputeParts, timelineId: TimelineId): readonly number[] {
  try {
    const last = readControlFile(timelines.dataDirectory(timelineId));
    const { maxConnections, maxWorkerProcesses, maxWalSenders } = last;
    const { maxPreparedTransactions, maxLocksPerTransaction } = last;
    const ofProcesses = [maxConnections, maxWorkerProcesses, maxWalSenders];
    return [...ofProcesses, maxPreparedTransactions, maxLocksPerTransaction];
  } catch {
    return [];
  }
}

function isMore(room: readonly number[], before: readonly number[]): boolean {
  return room.some((value, index) => value > (before[index] ?? 0));
}

function isWorthAnotherAttempt(error: unknown): boolean {
  const { code } = toHostError(error, 'compute_start_failed');
  return code === 'compute_start_failed' && errorCatalogue[code].retryable;
}
