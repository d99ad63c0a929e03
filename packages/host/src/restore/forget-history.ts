import type { TimelineId } from '@pgfleet/contract';
import { walTree } from '../history/wal-store.ts';
import { pointTreePrefix } from './capture-point.ts';
import type { CopyParts } from './copy-parts.ts';

/** Removes all that is kept of a timeline's past. */
export async function forgetHistory(
  { volume, histories, walStores }: Pick<CopyParts, 'volume' | 'histories' | 'walStores'>,
  timelineId: TimelineId,
): Promise<void> {
  const { points } = await histories.get(timelineId);
  const prefix = pointTreePrefix(timelineId);
  for (const { tree } of points) if (tree.startsWith(prefix)) await volume.remove(tree);
  await volume.remove(walTree(timelineId));
  walStores.forget(timelineId);
  await histories.forget(timelineId);
}
