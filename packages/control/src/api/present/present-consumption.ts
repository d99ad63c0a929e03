import { createHash } from 'node:crypto';
import type { ConsumptionFrame, ConsumptionPeriod } from '@pgfleet/contract';
import { framesOf, usageByFrame } from '../../domain/consumption.ts';
import type { FrameRange, FrameUsage, MeteredBranch } from '../../domain/consumption.ts';
import { groupBy } from '../../domain/group-by.ts';
import { timestamp } from '../../domain/timestamps.ts';

/** How a frame that begins and ends shows what was used in it. */
export type PresentFrame = (
  start: string,
  end: string,
  usages: readonly FrameUsage[],
) => ConsumptionFrame;

/** What an answer shows of the frames of a range. */
export interface ShownFrames {
  readonly range: FrameRange;
  readonly presentFrame: PresentFrame;
}

/** What branches of an owner used together, frame by frame, by calendar months, the oldest first. */
export type PresentPeriods = (
  owner: string,
  branches: readonly MeteredBranch[],
) => ConsumptionPeriod[];

/** How all owners of one answer are presented: thousands of them share frames and ids. */
export function periodsPresenter({ range, presentFrame }: ShownFrames): PresentPeriods {
  const now = new Date();
  const frames = framesOf(range, now);
  const ids = new PeriodIds();
  return (owner, branches) => {
    const byMonth = groupBy(usageByFrame(branches, frames, now), ({ frame }) => frame.month);
    return [...byMonth].map(([{ start, end }, usedInMonth]) => ({
      period_id: ids.of(owner, start),
      period_plan: 'unlimited',
      period_start: labelOf(start),
      ...(end <= now ? { period_end: labelOf(end) } : {}),
      consumption: usedInMonth.map(({ frame, usages }) =>
        presentFrame(labelOf(frame.start), labelOf(frame.end), usages),
      ),
    }));
  };
}

const labels = new WeakMap<Date, string>();

function labelOf(at: Date): string {
  const label = labels.get(at) ?? timestamp(at);
  labels.set(at, label);
  return label;
}

// The same month of the same owner always has the same id, and no row has to be kept for it.
class PeriodIds {
  readonly #known = new Map<string, string>();

  of(owner: string, start: Date): string {
    const name = `${owner}/${labelOf(start)}`;
    const id = this.#known.get(name) ?? uuidOf(name);
    this.#known.set(name, id);
    return id;
  }
}

function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  const variant = ((parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
