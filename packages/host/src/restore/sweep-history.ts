import type { TimelineId } from '@pgfleet/contract';
import { walTree } from '../history/wal-store.ts';
import type { CopyParts } from './copy-parts.ts';
import { removePoint } from './drop-points.ts';
import { isPointTree, pointTreePrefix } from './point-tree.ts';

type SweepParts = Pick<CopyParts, 'volume' | 'timelines' | 'histories' | 'loans' | 'log'>;

/**
 * Removes trees of points and WAL that belong to no timeline, or that a crash left unrecorded. A
 * timeline whose history cannot be read keeps its trees.
 */
export async function sweepHistory(parts: SweepParts): Promise<void> {
  const { volume, timelines } = parts;
  const known = [...timelines.values()].map(({ spec }) => spec.timelineId);
  const walTrees = new Set(known.map(walTree));
  const owners = new Map(known.map((timelineId) => [pointTreePrefix(timelineId), timelineId]));
  for (const tree of await volume.list()) {
    if (tree.startsWith('wal-') && !walTrees.has(tree)) await volume.remove(tree);
    if (!isPointTree(tree)) continue;
    const owner = owners.get(prefixOf(tree));
    if (!owner || !(await mayBePoint(parts, owner, tree))) await removePoint(parts, tree);
  }
}

async function mayBePoint(
  { histories, log }: SweepParts,
  timelineId: TimelineId,
  tree: string,
): Promise<boolean> {
  try {
    const { points } = await histories.get(timelineId);
    return points.some((point) => point.tree === tree);
  } catch (error) {
    log.error({ err: error, timeline_id: timelineId }, 'history of a timeline cannot be read');
    return true;
  }
}

function prefixOf(tree: string): string {
  return tree.slice(0, tree.lastIndexOf('-') + 1);
}
