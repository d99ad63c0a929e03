import type { PointInTime, TimelineId } from '@pgfleet/contract';
import type { RestMark } from '../history/history-record.ts';
import { nearestPoint } from '../history/nearest-point.ts';
import type { CopyParts } from './copy-parts.ts';
import { isAtRestAs } from './copy-timeline.ts';
import { whileSettled } from './while-settled.ts';

/** The head of a timeline when a drill began. */
export interface DrillHead {
  /** What was committed until {@link at}, and a mark of the drill's own, begins before this. */
  readonly lsn: string;
  readonly at: string;
  /** Of a timeline at rest. */
  readonly rest?: RestMark;
}

export type DrillTarget = Exclude<PointInTime, { kind: 'head' }>;

/** One way to a point: from one point of history and no other, or as any restore goes. */
export interface DrillRoute {
  readonly from?: string;
}

/** Marks the head of a timeline, so that there is a commit to be found again. */
export function markDrillHead(
  parts: CopyParts,
  timelineId: TimelineId,
  signal: AbortSignal,
): Promise<DrillHead> {
  return whileSettled<DrillHead>(
    parts,
    { timelineId, signal },
    {
      running: ({ endLsn, at }) => ({ lsn: endLsn, at }),
      resting: async (rest) => ({ lsn: rest.lsn, at: rest.at, rest }),
    },
  );
}

/**
 * Finds ways to a point that have as little as possible in common, the usual one first: from the
 * nearest point of history and from the one before it, with the WAL between them as well. What lies
 * there as it was wanted is compared with what the nearest point leads to. To what a timeline was before
 * its second point there is one way only.
 */
export async function drillRoutes(
  { histories }: CopyParts,
  timelineId: TimelineId,
  { target, head }: { readonly target: DrillTarget; readonly head: DrillHead },
): Promise<readonly [DrillRoute, DrillRoute?]> {
  const { points } = await histories.get(timelineId);
  const nearest = nearestPoint(points, target);
  const before = nearest && points[points.indexOf(nearest) - 1];
  const isThere = head.rest !== undefined && isAtRestAs(target, head.rest);
  if (!nearest) return [{}];
  if (isThere) return [{}, { from: nearest.tree }];
  return before ? [{ from: nearest.tree }, { from: before.tree }] : [{ from: nearest.tree }];
}
