import { readControlFile } from '@pgfleet/compute';
import type { TimelineId, TimelineStatus } from '@pgfleet/contract';
import { restoreWindow } from '../history/restore-window.ts';
import { formatLsn } from '../history/wal-segment.ts';
import type { CopyParts } from './copy-parts.ts';

/**
 * How much of a timeline there is, and how far back.
 *
 * @throws PgfleetError `timeline_not_found`.
 */
export async function timelineStatus(
  parts: CopyParts,
  timelineId: TimelineId,
): Promise<TimelineStatus> {
  const { timelines } = parts;
  await timelines.remade(timelineId);
  try {
    return await look(parts, timelineId);
  } catch (error) {
    if (!timelines.isThere(timelineId) || timelines.isReady(timelineId)) throw error;
    // It is being made again since: what was looked at is set aside.
    await timelines.remade(timelineId);
    return look(parts, timelineId);
  }
}

async function look(
  { timelines, histories, volume, walStores }: CopyParts,
  timelineId: TimelineId,
): Promise<TimelineStatus> {
  const { spec, pending, origin } = timelines.ready(timelineId);
  const history = await histories.get(timelineId);
  const { at, lsn } = restoreWindow(history, spec.historyRetentionSeconds, new Date());
  const { checkpointLsn } = readControlFile(timelines.dataDirectory(timelineId));
  const usage = await volume.treeUsage(timelineId);
  const store = await walStores.of(timelineId);
  return {
    timelineId,
    oldest: at === undefined || lsn === undefined ? null : { at, lsn },
    // What is still to be recovered is on its way there.
    headLsn: pending && origin ? origin.lsn : formatLsn(checkpointLsn),
    logicalBytes: history.logicalBytes,
    dataBytes: usage.allocatedBytes,
    walBytes: store.bytes,
    points: history.points.length,
    lost: [...history.lost],
  };
}
