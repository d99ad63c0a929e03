import { markHead } from '@pgfleet/compute';
import type { AdminConnection, Head } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { TimelineId } from '@pgfleet/contract';
import { sleep, unlessAborted } from '@pgfleet/kit';
import type { FileLock } from '@pgfleet/kit';
import type { ComputeRun } from '../endpoints/compute-run.ts';
import type { RestMark } from '../history/history-record.ts';
import { toHostError } from '../host-error.ts';
import type { CopyParts } from './copy-parts.ts';
import { ensureRestMark } from './ensure-rest-mark.ts';

const SETTLE_MS = 30_000;
const ATTEMPT_INTERVAL_MS = 50;
const never = new AbortController().signal;

interface SettledTimeline {
  readonly timelineId: TimelineId;
  readonly signal?: AbortSignal | undefined;
}

interface Settled<T> {
  /** Marks the head of a running one; `markHead` when left out. */
  readonly mark?: (connection: AdminConnection) => Promise<Head>;
  /** What comes before `head.lsn` stays for a copy, whatever becomes of the compute. */
  readonly running: (head: Head) => T;
  /** Nothing starts on the timeline meanwhile; so it is to be short, since a client may wait. */
  readonly resting: (rest: RestMark, signal: AbortSignal, lock: FileLock) => Promise<T>;
}

/**
 * Does the one or the other, as soon as a timeline neither starts nor stops. A compute whose backends
 * have crashed says nothing for a moment either.
 *
 * @throws PgfleetError `timeline_not_found`, `timeline_locked` when it does not settle; what `resting`
 * throws; why the compute does not answer.
 */
export async function whileSettled<T>(
  parts: CopyParts,
  { timelineId, signal = never }: SettledTimeline,
  { mark = markHead, running, resting }: Settled<T>,
): Promise<T> {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    signal.throwIfAborted();
    await parts.timelines.made(timelineId);
    parts.timelines.ready(timelineId);
    const run = parts.claims.running(timelineId);
    let hasBegun = false;
    try {
      if (run) return running(await run.use(mark));
      await makeWhole(parts, timelineId, signal);
      return await parts.claims.atRest(
        timelineId,
        async (restSignal) => {
          hasBegun = true;
          using lock = await parts.timelines.lock(timelineId, restSignal);
          const rest = await ensureRestMark(parts, timelineId, { lock, signal: restSignal });
          return await resting(rest, restSignal, lock);
        },
        { signal },
      );
    } catch (error) {
      if (hasBegun || !isPassing(error, run) || performance.now() >= end) throw error;
    }
    await sleep(ATTEMPT_INTERVAL_MS, signal);
  }
}

// Whoever asks again finds what was begun for the first one who asked.
async function makeWhole(
  { timelines, claims }: CopyParts,
  timelineId: TimelineId,
  signal: AbortSignal,
): Promise<void> {
  if (!timelines.isPending(timelineId)) return;
  const making = claims.atRest(timelineId, (restSignal) =>
    timelines.remake(timelineId, { isWhole: true, signal: restSignal }),
  );
  // Its end is told in the log.
  making.catch(() => undefined);
  await unlessAborted(making, signal);
}

// A compute that is stopping or has died ends whatever it was asked; that its disk is full does not
// pass.
function isPassing(error: unknown, run: ComputeRun | undefined): boolean {
  if (!run) return error instanceof PgfleetError && error.code === 'timeline_locked';
  const { code } = toHostError(error);
  return code !== 'disk_full' && code !== 'too_many_requests';
}
