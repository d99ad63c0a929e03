import { PgfleetError } from '@pgfleet/contract';
import type { BranchId, ConsumptionGranularity, ProjectId } from '@pgfleet/contract';
import { invalidQuery } from './invalid-request.ts';
import { consumptionPeriod } from './timestamps.ts';

/*
 * Consumption by frames of time: hours, days or calendar months, in UTC. What is counted (seconds,
 * bytes sent and written) is summed up; a size holds from when it was measured until it is measured again.
 */

/** What is counted of a branch; sums of a frame. */
export interface Counts {
  readonly activeSeconds: number;
  readonly cuSeconds: number;
  readonly bytesOut: number;
  readonly writtenBytes: number;
}

/** What is measured of a branch, in bytes; as last measured in a frame. */
export interface Sizes {
  readonly logicalBytes: number;
  readonly dataBytes: number;
  readonly walBytes: number;
}

/** Something that is metered. Of what nobody asks for, 0 is loaded. */
export type Measure = keyof Counts | keyof Sizes;

/** What was metered of a branch within a frame. */
export interface MeteredFrame extends Counts {
  readonly startMs: number;
  readonly sizes: BranchSizes | null;
}

/** Sizes of a branch as last measured. */
export interface BranchSizes extends Sizes {
  /** The hour of the measurement. */
  readonly sinceMs: number;
}

/** A branch and what was metered of it. */
export interface MeteredBranch {
  readonly projectId: ProjectId;
  readonly branchId: BranchId;
  readonly isRoot: boolean;
  readonly deletedAtMs: number | null;
  /** As measured last before the range. */
  readonly before: BranchSizes | null;
  /** Ascending; without frames in which nothing was metered. */
  readonly frames: readonly MeteredFrame[];
}

/** What a branch used within a frame. */
export interface FrameUsage extends Counts, Sizes {
  readonly isRoot: boolean;
  /** How long the sizes held within the frame. */
  readonly hours: number;
  /** Of the month that the frame lies in. */
  readonly hoursOfMonth: number;
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
  readonly startMs: number;
  readonly end: Date;
  readonly endMs: number;
  /** The one that it lies in, the same object for all frames of a month. */
  readonly month: Month;
}

/** A calendar month. */
export interface Month {
  readonly start: Date;
  readonly end: Date;
  readonly hours: number;
}

/** The frames of a range that have begun, the oldest first. */
export function framesOf({ from, to, granularity }: FrameRange, now: Date): Frame[] {
  const frames: Frame[] = [];
  let month = monthOf(from);
  for (let start = from; start < to && start <= now; ) {
    if (start >= month.end) month = monthOf(start);
    const end = nextFrame(start, granularity);
    frames.push({ start, startMs: start.getTime(), end, endMs: end.getTime(), month });
    start = end;
  }
  return frames;
}

function monthOf(moment: Date): Month {
  const { start, end } = consumptionPeriod(moment);
  return { start, end, hours: (end.getTime() - start.getTime()) / HOUR_MS };
}

/** A frame, and what those branches used in it that used anything. */
export interface UsedFrame {
  readonly frame: Frame;
  readonly usages: readonly FrameUsage[];
}

/** What branches used together, frame by frame; frames in which there was nothing are left out. */
export function usageByFrame(
  branches: readonly MeteredBranch[],
  frames: readonly Frame[],
  now: Date,
): UsedFrame[] {
  const walks = branches.map((branch) => walkAlong(branch, now.getTime()));
  const sinceMs = branches.reduce((since, branch) => Math.min(since, knownSince(branch)), Infinity);
  const used: UsedFrame[] = [];
  for (const frame of frames) {
    // Most branches of a page are younger than its range.
    if (frame.startMs < sinceMs) continue;
    let usages: FrameUsage[] | undefined;
    for (const usageIn of walks) {
      const usage = usageIn(frame);
      if (usage) (usages ??= []).push(usage);
    }
    if (usages) used.push({ frame, usages });
  }
  return used;
}

function knownSince({ before, frames: [first] }: MeteredBranch): number {
  return before ? -Infinity : (first?.startMs ?? Infinity);
}

// To be asked for one frame after the other, the oldest first.
function walkAlong(branch: MeteredBranch, nowMs: number): (frame: Frame) => FrameUsage | undefined {
  let sizes = branch.before;
  let next = 0;
  return (frame) => {
    const metered = branch.frames[next];
    const isMetered = metered?.startMs === frame.startMs;
    if (isMetered) next += 1;
    if (isMetered && metered.sizes) sizes = metered.sizes;
    if (!isMetered && !sizes) return undefined;
    const hours = sizes ? hoursHeld({ sizes, frame }, branch, nowMs) : 0;
    if (!isMetered && hours === 0) return undefined;
    return describe(branch, { frame, hours, metered: isMetered ? metered : null, sizes });
  };
}

function hoursHeld(
  { sizes, frame }: { readonly sizes: BranchSizes; readonly frame: Frame },
  { before, deletedAtMs }: MeteredBranch,
  nowMs: number,
): number {
  const { startMs, endMs } = frame;
  const sinceMs = before ? startMs : Math.max(startMs, sizes.sinceMs);
  const untilMs = Math.min(endMs, nowMs, deletedAtMs ?? Infinity);
  return Math.max(0, untilMs - sinceMs) / HOUR_MS;
}

function describe(
  { isRoot }: MeteredBranch,
  within: {
    readonly frame: Frame;
    readonly hours: number;
    readonly metered: MeteredFrame | null;
    readonly sizes: BranchSizes | null;
  },
): FrameUsage {
  const { frame, hours, metered } = within;
  const held = hours > 0 ? within.sizes : null;
  return {
    activeSeconds: metered?.activeSeconds ?? 0,
    cuSeconds: metered?.cuSeconds ?? 0,
    bytesOut: metered?.bytesOut ?? 0,
    writtenBytes: metered?.writtenBytes ?? 0,
    logicalBytes: held?.logicalBytes ?? 0,
    dataBytes: held?.dataBytes ?? 0,
    walBytes: held?.walBytes ?? 0,
    isRoot,
    hours,
    hoursOfMonth: frame.month.hours,
  };
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
