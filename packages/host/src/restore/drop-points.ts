import type { TimelineId } from '@pgfleet/contract';
import { allDone } from '../storage/all-done.ts';
import type { CopyParts } from './copy-parts.ts';
import { isPointTree, pointOwner } from './point-tree.ts';

export type DropParts = Pick<CopyParts, 'volume' | 'timelines' | 'histories' | 'loans' | 'log'>;

/**
 * Lets go of the trees of points that a timeline has no more, its own and those that it had borrowed.
 * The caller has taken them from the timeline's history, and removes from it alone.
 */
export async function dropPoints(
  parts: DropParts,
  timelineId: TimelineId,
  trees: Iterable<string>,
): Promise<void> {
  await allDone([...trees].map((tree) => dropPoint(parts, timelineId, tree)));
}

/** Lets go of one; a tree that is no point, such as a template, is nobody's to remove. */
export async function dropPoint(
  parts: DropParts,
  timelineId: TimelineId,
  tree: string,
): Promise<void> {
  if (!isPointTree(tree)) return;
  await parts.loans.end(tree, timelineId);
  await removeUnlessKept(parts, tree);
}

/**
 * Removes the tree of a point that neither its owner nor a borrower has any more: the last one who
 * lets go of it removes it.
 */
export async function removeUnlessKept(parts: DropParts, tree: string): Promise<void> {
  // In this order: an owner without it lends it to nobody, and a borrower has it while it lends it on.
  if (await mayHave(parts, pointOwner(tree), tree)) return;
  if ((await parts.loans.borrowers(tree)).length > 0) return;
  await parts.volume.remove(tree);
}

/** Whether a point is in a timeline's history, or the history cannot be read. */
export async function mayHave(
  { timelines, histories, log }: Pick<DropParts, 'timelines' | 'histories' | 'log'>,
  timelineId: TimelineId,
  tree: string,
): Promise<boolean> {
  if (!timelines.find(timelineId)) return timelines.knows(timelineId);
  try {
    const { points } = await histories.get(timelineId);
    return points.some((point) => point.tree === tree);
  } catch (error) {
    log.error({ err: error, timeline_id: timelineId }, 'history of a timeline cannot be read');
    return true;
  }
}
