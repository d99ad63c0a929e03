import type { TimelineId } from '@pgfleet/contract';
import { walTree } from '../history/wal-store.ts';
import { pointTreePrefix } from './capture-point.ts';
import type { CopyParts } from './copy-parts.ts';

/** Removes all that is kept of a timeline's past, as soon as no copy is being made from it. */
export async function forgetHistory(
  { volume, histories, walStores }: Pick<CopyParts, 'volume' | 'histories' | 'walStores'>,
  timelineId: TimelineId,
): Promise<void> {
  await histories.removing(timelineId, async () => {
    for (const tree of await pointTrees({ volume, histories }, timelineId)) {
      await volume.remove(tree);
    }
    await volume.remove(walTree(timelineId));
    walStores.forget(timelineId);
    await histories.forget(timelineId);
  });
}

// Without a record that can be read they are found by their names, which takes a look at all trees.
async function pointTrees(
  { volume, histories }: Pick<CopyParts, 'volume' | 'histories'>,
  timelineId: TimelineId,
): Promise<readonly string[]> {
  const trees = await histories.get(timelineId).then(
    ({ points }) => points.map(({ tree }) => tree),
    () => volume.list(),
  );
  const prefix = pointTreePrefix(timelineId);
  return trees.filter((tree) => tree.startsWith(prefix));
}
