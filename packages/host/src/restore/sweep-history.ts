import type { TimelineId } from '@pgfleet/contract';
import { walTree } from '../history/wal-store.ts';
import { pointTreePrefix } from './capture-point.ts';
import type { CopyParts } from './copy-parts.ts';

/** Removes trees of points and WAL that belong to no timeline, or that a crash left unrecorded. */
export async function sweepHistory({
  volume,
  timelines,
  histories,
}: Pick<CopyParts, 'volume' | 'timelines' | 'histories'>): Promise<void> {
  const known = [...timelines.values()].map(({ spec }) => spec.timelineId);
  const walTrees = new Set(known.map(walTree));
  const owners = new Map(known.map((timelineId) => [pointTreePrefix(timelineId), timelineId]));
  for (const tree of await volume.list()) {
    if (tree.startsWith('wal-') && !walTrees.has(tree)) await volume.remove(tree);
    if (!tree.startsWith('pt-')) continue;
    const owner = owners.get(prefixOf(tree));
    if (!owner || !(await isPoint(owner, tree))) await volume.remove(tree);
  }

  async function isPoint(timelineId: TimelineId, tree: string): Promise<boolean> {
    const { points } = await histories.get(timelineId);
    return points.some((point) => point.tree === tree);
  }
}

function prefixOf(tree: string): string {
  return tree.slice(0, tree.lastIndexOf('-') + 1);
}
