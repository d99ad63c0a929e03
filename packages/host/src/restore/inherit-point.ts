import { readControlFile } from '@pgfleet/compute';
import { noHistory, withBirth } from '../history/history-record.ts';
import type { PointRecord } from '../history/history-record.ts';
import { formatLsn } from '../history/wal-segment.ts';
import type { TreeOrder } from '../timelines/made-tree.ts';
import type { CopyParts } from './copy-parts.ts';
import { isPointTree } from './point-tree.ts';

type HeirParts = Pick<CopyParts, 'histories' | 'loans' | 'timelines'>;

/**
 * Gives a copy that is being made the point of its source that it comes from: with the WAL between,
 * which the copy gets as well, it leads to every moment of the copy. The caller uses the source's
 * history until this resolves. One in which nobody may want to go back needs nothing.
 */
export async function inheritPoint(
  { histories, loans }: HeirParts,
  { spec: { timelineId: heir }, keepsHistory }: TreeOrder,
  point: PointRecord,
): Promise<void> {
  if (!keepsHistory) return;
  const isLent = isPointTree(point.tree);
  try {
    if (isLent) await loans.lend(point.tree, heir);
    await histories.update(heir, () => ({ ...noHistory, points: [point] }));
  } catch (error) {
    // Nobody would find a loan again that no history knows of.
    if (isLent) await loans.end(point.tree, heir);
    throw error;
  }
}

/** Notes that a copy at rest, as it is now, is where its own history begins, if it has one. */
export async function noteBirth(
  { histories, timelines }: HeirParts,
  { spec: { timelineId: heir }, keepsHistory }: TreeOrder,
): Promise<void> {
  if (!keepsHistory) return;
  const { checkpointLsn } = readControlFile(timelines.dataDirectory(heir));
  await histories.update(heir, (history) => withBirth(history, formatLsn(checkpointLsn)));
}
