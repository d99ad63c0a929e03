import { createHash } from 'node:crypto';
import type { ConsumptionFrame, ConsumptionPeriod } from '@pgfleet/contract';
import type { FrameUsage } from '../../domain/consumption.ts';
import { groupBy } from '../../domain/group-by.ts';
import { consumptionPeriod, timestamp } from '../../domain/timestamps.ts';

/** How a frame of consumption shows its metrics. */
export type PresentMetrics = (usages: readonly FrameUsage[]) => Partial<ConsumptionFrame>;

/** What the branches of `owner` used, by calendar months and frames, the oldest first. */
export function presentPeriods(
  owner: string,
  usages: readonly FrameUsage[],
  { now, metrics }: { readonly now: Date; readonly metrics: PresentMetrics },
): ConsumptionPeriod[] {
  const byFrame = groupBy(usages, ({ start }) => start.getTime());
  const frames = [...byFrame.values()].toSorted((a, b) => startOf(a) - startOf(b));
  const byMonth = groupBy(frames, monthOf);
  return [...byMonth.values()].map((framesOfMonth) => {
    const { start, end } = consumptionPeriod(new Date(startOf(framesOfMonth[0] ?? [])));
    return {
      period_id: periodId(owner, start),
      period_plan: 'unlimited',
      period_start: timestamp(start),
      ...(end <= now ? { period_end: timestamp(end) } : {}),
      consumption: framesOfMonth.map((frame) => presentFrame(frame, metrics)),
    };
  });
}

function presentFrame(usages: readonly FrameUsage[], metrics: PresentMetrics): ConsumptionFrame {
  const { start, end } = usages[0] ?? { start: new Date(0), end: new Date(0) };
  return {
    timeframe_start: labelOf(start),
    timeframe_end: labelOf(end),
    ...metrics(usages),
  };
}

// A number that only frames of the same month have.
function monthOf([first]: readonly FrameUsage[]): number {
  return first ? first.start.getUTCFullYear() * 12 + first.start.getUTCMonth() : 0;
}

// Thousands of branches share the frames of a range.
const labels = new WeakMap<Date, string>();

function labelOf(at: Date): string {
  const label = labels.get(at) ?? timestamp(at);
  labels.set(at, label);
  return label;
}

function startOf([first]: readonly FrameUsage[]): number {
  return first?.start.getTime() ?? 0;
}

// The same month of the same owner always has the same id, and no row has to be kept for it.
function periodId(owner: string, start: Date): string {
  const hex = createHash('sha256')
    .update(`${owner}/${timestamp(start)}`)
    .digest('hex');
  const variant = ((parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
