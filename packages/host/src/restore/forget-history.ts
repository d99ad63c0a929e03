import type { TimelineId } from '@pgfleet/contract';
import { walTree } from '../history/wal-store.ts';
import { formerTree } from '../timelines/former-tree.ts';
import { dropPoints } from './drop-points.ts';
import type { DropParts } from './drop-points.ts';
import type { CopyParts } from './copy-parts.ts';
import { pointTreePrefix } from './point-tree.ts';

/** Removes all that is kept of a timeline's past, as soon as no copy is being made from it. */
export async function forgetHistory(
  parts: DropParts & Pick<CopyParts, 'walStores'>,
  timelineId: TimelineId,
): Promise<void> {
  const { volume, histories, walStores } = parts;
  await histories.removing(timelineId, async () => {
    const trees = await pointTrees(parts, timelineId);
    await histories.forget(timelineId);
    await dropPoints(parts, timelineId, trees);
    await volume.remove(walTree(timelineId));
    walStores.forget(timelineId);
    await volume.remove(formerTree(timelineId));
  });
}

// Without a record that can be read they are found by their names, which takes a look at all trees.
async function pointTrees(
  { volume, histories }: Pick<CopyParts, 'volume' | 'histories'>,
  timelineId: TimelineId,
): Promise<readonly string[]> {
  try {
    return (await histories.get(timelineId)).points.map(({ tree }) => tree);
  } catch {
    const prefix = pointTreePrefix(timelineId);
    return (await volume.list()).filter((tree) => tree.startsWith(prefix));
  }
}
