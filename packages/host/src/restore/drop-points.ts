import type { TimelineId } from '@pgfleet/contract';
import { sleep } from '@pgfleet/kit';
import type { CopyParts } from './copy-parts.ts';
import { isPointTree, newPointTree, pointTreePrefix } from './point-tree.ts';

export type DropParts = Pick<CopyParts, 'volume' | 'timelines' | 'histories' | 'loans'>;

const BIRTH_INTERVAL_MS = 50;

/**
 * Removes the trees of points that a timeline has no more, and gives back those that it had borrowed.
 * The caller removes from the timeline's history alone.
 */
export async function dropPoints(
  parts: DropParts,
  timelineId: TimelineId,
  trees: Iterable<string>,
): Promise<void> {
  const prefix = pointTreePrefix(timelineId);
  for (const tree of trees) {
    if (tree.startsWith(prefix)) await removePoint(parts, tree);
    else if (isPointTree(tree)) await parts.loans.end(tree, timelineId);
  }
}

/**
 * Removes the tree of a point. Whoever borrowed it gets one of its own first; who is being made from
 * it at this moment is waited for. Borrowers are always younger, so nobody waits in a circle.
 */
export async function removePoint(parts: DropParts, tree: string): Promise<void> {
  for (;;) {
    const borrowers = await parts.loans.borrowers(tree);
    if (borrowers.length === 0) break;
    let unborn = 0;
    for (const borrower of borrowers) if (!(await settle(parts, tree, borrower))) unborn++;
    if (unborn > 0) await sleep(BIRTH_INTERVAL_MS);
  }
  await parts.volume.remove(tree);
}

/** Says whether the loan is over. */
function settle(parts: DropParts, tree: string, borrower: TimelineId): Promise<boolean> {
  const { histories, timelines, volume, loans } = parts;
  return histories.removing(borrower, async () => {
    const state = timelines.find(borrower)?.state;
    const history = state && (await histories.get(borrower));
    if (!history?.points.some((point) => point.tree === tree)) {
      if (state === 'creating') return false;
    } else if (state !== 'deleting') {
      const own = newPointTree(borrower);
      await volume.clone(tree, own);
      await histories.update(borrower, (present) => ({
        ...present,
        points: present.points.map((point) =>
          point.tree === tree ? { ...point, tree: own } : point,
        ),
      }));
    }
    await loans.end(tree, borrower);
    return true;
  });
}
