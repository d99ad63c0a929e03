import { PgfleetError } from '@pgfleet/contract';
import type { BranchId, ConsumptionGranularity, ProjectId } from '@pgfleet/contract';
import { invalidQuery } from './invalid-request.ts';
import { consumptionPeriod } from './timestamps.ts';

/*
 * Consumption by frames of time: hours, days or calendar months, in UTC. What is counted (seconds,
 * bytes sent) is summed up; a size holds from when it was measured until it is measured again.
 */

/** What was metered of a branch within a frame. */
export interface MeteredFrame {
  readonly start: Date;
  readonly active_seconds: number;
  readonly cu_seconds: number;
  readonly bytes_out: number;
  readonly sizes: BranchSizes | null;
}

/** Sizes of a branch as last measured, in bytes. */
export interface BranchSizes {
  /** The hour of the measurement. */
  readonly since: Date;
  readonly logical: number;
  readonly data: number;
  readonly wal: number;
}

/** A branch and what was metered of it. */
export interface MeteredBranch {
  readonly projectId: ProjectId;
  readonly branchId: BranchId;
  readonly isRoot: boolean;
  readonly deletedAt: Date | null;
  /** As measured last before the range. */
  readonly before: BranchSizes | null;
  /** Ascending; without frames in which nothing was metered. */
  readonly frames: readonly MeteredFrame[];
}

/** What a branch used within a frame. */
export interface FrameUsage {
  readonly start: Date;
  readonly end: Date;
  readonly activeSeconds: number;
  readonly cuSeconds: number;
  readonly bytesOut: number;
  /** Bytes at the end of the frame. */
  readonly logicalBytes: number;
  readonly storedBytes: number;
  readonly walBytes: number;
  readonly isRoot: boolean;
  /** How long the sizes held within the frame. */
  readonly hours: number;
}

export interface FrameRange {
  readonly granularity: ConsumptionGranularity;
  readonly from: Date;
  readonly to: Date;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How far back each granularity reaches. */
const reachMs: Readonly<Record<ConsumptionGranularity, number>> = {
  hourly: 168 * HOUR_MS,
  daily: 60 * DAY_MS,
  monthly: 366 * DAY_MS,
};

/**
 * Rounds a range down to whole frames. One that ends within the frame that is under way includes
 * that frame, as far as it is metered.
 *
 * @throws PgfleetError `consumption_range` when it begins too early or ends before it begins;
 * `invalid_request` for what is no time.
 */
export function frameRange(
  query: {
    readonly from: string;
    readonly to: string;
    readonly granularity: ConsumptionGranularity;
  },
  now: Date,
): FrameRange {
  const { granularity } = query;
  const begin = requireTime('from', query.from);
  const end = requireTime('to', query.to);
  const from = frameStart(begin, granularity);
  const present = frameStart(now, granularity);
  const isUnderWay = frameStart(end, granularity).getTime() === present.getTime() && end > present;
  const to = isUnderWay ? nextFrame(present, granularity) : frameStart(end, granularity);
  const earliest = frameStart(new Date(now.getTime() - reachMs[granularity]), granularity);
  if (from < earliest || begin > end) throw new PgfleetError('consumption_range');
  return { granularity, from, to };
}

/** A frame of a range. */
export interface Frame {
  readonly start: Date;
  readonly end: Date;
}

/** The frames of a range that have begun, the oldest first. */
export function framesOf({ from, to, granularity }: FrameRange, now: Date): Frame[] {
  const frames: Frame[] = [];
  for (let start = from; start < to && start <= now; ) {
    const end = nextFrame(start, granularity);
    frames.push({ start, end });
    start = end;
  }
  return frames;
}

/** What a branch used, frame by frame; frames in which there was nothing are left out. */
export function usageByFrame(
  branch: MeteredBranch,
  frames: readonly Frame[],
  now: Date,
): FrameUsage[] {
  const metered = new Map(branch.frames.map((frame) => [frame.start.getTime(), frame]));
  const usages: FrameUsage[] = [];
  let sizes = branch.before;
  for (const { start, end } of frames) {
    const frame = metered.get(start.getTime());
    sizes = frame?.sizes ?? sizes;
    if (!frame && !sizes) continue;
    const usage = describe({ frame, sizes, start, end }, branch, now);
    if (frame || usage.hours > 0) usages.push(usage);
  }
  return usages;
}

function describe(
  at: {
    readonly frame: MeteredFrame | undefined;
    readonly sizes: BranchSizes | null;
    readonly start: Date;
    readonly end: Date;
  },
  { deletedAt, isRoot, before }: MeteredBranch,
  now: Date,
): FrameUsage {
  const { frame, sizes, start, end } = at;
  const since = before ? start : new Date(Math.max(start.getTime(), sizes?.since.getTime() ?? 0));
  const until = Math.min(end.getTime(), now.getTime(), deletedAt?.getTime() ?? Infinity);
  const hours = sizes ? Math.max(0, until - since.getTime()) / HOUR_MS : 0;
  const held = hours > 0 ? sizes : null;
  return {
    start,
    end,
    activeSeconds: frame?.active_seconds ?? 0,
    cuSeconds: frame?.cu_seconds ?? 0,
    bytesOut: frame?.bytes_out ?? 0,
    logicalBytes: held?.logical ?? 0,
    storedBytes: held ? held.data + held.wal : 0,
    walBytes: held?.wal ?? 0,
    isRoot,
    hours,
  };
}

/** The hours of the calendar month that a moment lies in. */
export function hoursOfMonth(moment: Date): number {
  const { start, end } = consumptionPeriod(moment);
  return (end.getTime() - start.getTime()) / HOUR_MS;
}

// The form allows for seconds that no day has.
function requireTime(field: string, text: string): Date {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time;
  throw invalidQuery(field, 'not a time');
}

function frameStart(moment: Date, granularity: ConsumptionGranularity): Date {
  if (granularity === 'monthly') return consumptionPeriod(moment).start;
  const length = granularity === 'hourly' ? HOUR_MS : DAY_MS;
  return new Date(Math.floor(moment.getTime() / length) * length);
}

function nextFrame(start: Date, granularity: ConsumptionGranularity): Date {
  if (granularity === 'monthly') return consumptionPeriod(start).end;
  return new Date(start.getTime() + (granularity === 'hourly' ? HOUR_MS : DAY_MS));
}
