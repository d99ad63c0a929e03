import type { WalCount } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';

/*
 * What the computes of an endpoint have written, summed up from the counts that Postgres keeps. A
 * count goes on over clean stops and comes along with a clone, so what counts is how much it has grown
 * since it was last read, in the same run or at the rest before it. Growth of which nobody knows where
 * it began is not counted.
 */

/** What was written; on disk, in one piece with how far the counts were read. */
export interface WrittenData {
  readonly bytes: number;
  /** The counts of the timelines that the endpoint runs on, as far as they are in {@link bytes}. */
  readonly counted: Readonly<Record<TimelineId, WalCount>>;
}

export const nothingWritten: WrittenData = { bytes: 0, counted: {} };

/** A run of a compute. */
export interface WritingRun {
  readonly timelineId: TimelineId;
  readonly startedAt: Date;
}

// What a stop, a start and an idle run write of their own accord is a quarter of this.
const UNWRITTEN_BYTES = 1024;

/** Begins a run at a count that has only what was written before it, if there is one. */
export function beginWriting(
  written: WrittenData,
  timelineId: TimelineId,
  count: WalCount | undefined,
): WrittenData {
  const { bytes, counted } = endWriting(written, timelineId);
  if (!count) return { bytes, counted };
  return { bytes, counted: { ...counted, [timelineId]: withAllowance(count) } };
}

/** Counts what was written in a run up to a count of it. */
export function addWritten(
  { bytes, counted }: WrittenData,
  { timelineId, startedAt }: WritingRun,
  count: WalCount,
): WrittenData {
  const known = counted[timelineId];
  const before = known?.since === count.since ? known : beginningOf(count, startedAt);
  const reached = count.bytes > before.bytes ? count : before;
  return {
    bytes: bytes + reached.bytes - before.bytes,
    counted: { ...counted, [timelineId]: reached },
  };
}

/** Ends a run whose last count was added. */
export function endWriting({ bytes, counted }: WrittenData, timelineId: TimelineId): WrittenData {
  const { [timelineId]: _, ...others } = counted;
  return { bytes, counted: others };
}

// A recovery within the run began the count at zero; of any other it is unknown what was before.
function beginningOf(count: WalCount, startedAt: Date): WalCount {
  const isOfRun = Date.parse(count.since) >= startedAt.getTime();
  return isOfRun ? withAllowance({ ...count, bytes: 0 }) : count;
}

function withAllowance(count: WalCount): WalCount {
  return { ...count, bytes: count.bytes + UNWRITTEN_BYTES };
}
