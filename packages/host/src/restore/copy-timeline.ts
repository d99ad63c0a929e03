import { setTimeout as sleep } from 'node:timers/promises';
import { markHead } from '@pgfleet/compute';
import type { RecoveryTarget } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { PointInTime, TimelineId } from '@pgfleet/contract';
import type { ComputeRun } from '../endpoints/compute-run.ts';
import { timestampMicros } from '../history/nearest-point.ts';
import type { RestMark } from '../history/history-record.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import { cloneAtRest } from './clone-at-rest.ts';
import type { CopyParts } from './copy-parts.ts';
import { recoverCopy } from './recover-copy.ts';
import { ensureRestMark } from './ensure-rest-mark.ts';

const ATTEMPTS = 200;
const ATTEMPT_INTERVAL_MS = 50;
// The processes of a killed postmaster are gone within a tenth of a second.
const ENDING_MS = 500;
const never = new AbortController().signal;

/**
 * Makes a new timeline's tree out of another timeline as of a point.
 *
 * A source at rest that is wanted as it is gets cloned as it lies, which takes no recovery. All else
 * is recovered from the nearest earlier point of history and the WAL behind it; the source may run
 * meanwhile and notices nothing but one empty commit.
 *
 * @throws PgfleetError `timeline_not_found`, `point_not_available`, `history_damaged`,
 * `timeline_locked` when the source starts and stops without end.
 */
export async function copyTimeline(
  parts: CopyParts,
  source: { readonly timelineId: TimelineId; readonly at: PointInTime },
  order: TreeOrder,
): Promise<MadeTree> {
  return whileSettled(
    parts,
    { timelineId: source.timelineId, signal: order.signal },
    {
      running: (run) => copyRunning(parts, { ...source, run }, order),
      resting: (rest, signal) => copyResting(parts, { ...source, rest }, { ...order, signal }),
    },
  );
}

interface SettledTimeline {
  readonly timelineId: TimelineId;
  readonly signal?: AbortSignal | undefined;
}

interface Settled<T> {
  readonly running: (run: ComputeRun) => Promise<T>;
  /** Nothing starts on the timeline meanwhile. */
  readonly resting: (rest: RestMark, signal: AbortSignal) => Promise<T>;
}

/** Does the one or the other, as soon as a timeline neither starts nor stops. */
export async function whileSettled<T>(
  parts: CopyParts,
  { timelineId, signal = never }: SettledTimeline,
  { running, resting }: Settled<T>,
): Promise<T> {
  const { claims, timelines } = parts;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    timelines.ready(timelineId);
    const run = claims.running(timelineId);
    if (run) {
      try {
        return await running(run);
      } catch (error) {
        if (!(await hasEnded(run, signal))) throw error;
        continue;
      }
    }
    if (!claims.isClaimed(timelineId)) {
      return claims.atRest(
        timelineId,
        async (restSignal) => {
          using lock = await timelines.lock(timelineId, restSignal);
          const rest = await ensureRestMark(parts, timelineId, { lock, signal: restSignal });
          return resting(rest, restSignal);
        },
        { signal },
      );
    }
    await sleep(ATTEMPT_INTERVAL_MS, undefined, { signal });
  }
  throw new PgfleetError('timeline_locked');
}

// A compute that was killed in the middle of being asked is a source at rest.
async function hasEnded(run: ComputeRun, signal: AbortSignal): Promise<boolean> {
  const isGone = run.exited.then(() => true);
  return Promise.race([isGone, sleep(ENDING_MS, false, { signal })]);
}

type Source<State> = State & { readonly timelineId: TimelineId; readonly at: PointInTime };

function copyResting(
  parts: CopyParts,
  { timelineId, at, rest }: Source<{ readonly rest: RestMark }>,
  order: TreeOrder,
): Promise<MadeTree> {
  if (isAtRestAs(at, rest)) return cloneAtRest(parts, { timelineId, rest }, order);
  return recoverCopy(parts, { timelineId, target: targetOf(at), endLsn: rest.lsn }, order);
}

/** Whether a cluster at rest is at that point as it lies: nothing was committed after it. */
export function isAtRestAs(at: PointInTime, rest: RestMark): boolean {
  if (at.kind === 'head') return true;
  if (at.kind === 'lsn') return at.lsn === rest.lsn;
  return timestampMicros(at.at) >= timestampMicros(rest.at);
}

async function copyRunning(
  parts: CopyParts,
  { timelineId, at, run }: Source<{ readonly run: ComputeRun }>,
  order: TreeOrder,
): Promise<MadeTree> {
  const head = await run.use(markHead);
  const target = at.kind === 'head' ? ({ kind: 'lsn', lsn: head.lsn } as const) : targetOf(at);
  return recoverCopy(parts, { timelineId, target, endLsn: head.endLsn }, order);
}

function targetOf(at: Exclude<PointInTime, { kind: 'head' }> | PointInTime): RecoveryTarget {
  if (at.kind === 'head') throw new Error('the head of a timeline is no target of a recovery');
  return at;
}
