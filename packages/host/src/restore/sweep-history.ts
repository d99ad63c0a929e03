import type { TimelineId } from '@pgfleet/contract';
import { walTree } from '../history/wal-store.ts';
import { formerOwner } from '../timelines/former-tree.ts';
import type { CopyParts } from './copy-parts.ts';
import { mayHave, removeUnlessKept } from './drop-points.ts';
import { isPointTree } from './point-tree.ts';

type SweepParts = Pick<CopyParts, 'volume' | 'timelines' | 'histories' | 'loans' | 'log'>;

/**
 * Removes trees of points and WAL, and former trees, that belong to no timeline, or that a crash left
 * unrecorded. A timeline whose history cannot be read keeps its trees.
 */
export async function sweepHistory(parts: SweepParts): Promise<void> {
  const { volume, timelines } = parts;
  const known = [...timelines.values()].map(({ spec }) => spec.timelineId);
  const walTrees = new Set(known.map(walTree));
  for (const tree of await volume.list()) {
    if (tree.startsWith('wal-') && !walTrees.has(tree)) await volume.remove(tree);
    const former = formerOwner(tree);
    if (former !== undefined && !mayNeedFormer(parts, former)) await volume.remove(tree);
    if (!isPointTree(tree)) continue;
    await endLoans(parts, tree);
    await removeUnlessKept(parts, tree);
  }
}

// What a copy is to be made of again.
function mayNeedFormer({ timelines }: SweepParts, timelineId: TimelineId): boolean {
  const record = timelines.find(timelineId);
  return record ? record.pending !== undefined : timelines.knows(timelineId);
}

// A crash leaves loans whose borrower was never made, or has just let go of the point. One that is
// being made notes its point after the loan.
async function endLoans(parts: SweepParts, tree: string): Promise<void> {
  const { loans, timelines } = parts;
  for (const borrower of await loans.borrowers(tree)) {
    if (timelines.find(borrower)?.state === 'creating') continue;
    if (!(await mayHave(parts, borrower, tree))) await loans.end(tree, borrower);
  }
}
