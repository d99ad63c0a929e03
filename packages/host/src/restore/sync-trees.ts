import { walTree } from '../history/wal-store.ts';
import type { TreeOrder } from '../timelines/made-tree.ts';
import type { CopyParts } from './copy-parts.ts';

/** Makes a new timeline durable: its tree, and the WAL that it begins with. */
export async function syncTrees(
  { volume }: Pick<CopyParts, 'volume'>,
  { spec: { timelineId }, signal }: TreeOrder,
): Promise<void> {
  const options = signal ? { signal } : {};
  const wal = walTree(timelineId);
  const trees = (await volume.exists(wal)) ? [timelineId, wal] : [timelineId];
  await Promise.all(trees.map((tree) => volume.sync(tree, options)));
}
