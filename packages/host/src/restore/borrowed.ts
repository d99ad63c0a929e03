import { readControlFile } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { HistoryRecord } from '../history/history-record.ts';
import { parseLsn } from '../history/wal-segment.ts';
import type { CopyParts } from './copy-parts.ts';
import { isPointTree, pointTreePrefix } from './point-tree.ts';
import { dropPoints } from './drop-points.ts';
import type { DropParts } from './drop-points.ts';

// Most branches live a short time: until then they pin what their source may want to let go.
const BORROW_FOR_MS = 3_600_000;
const UNUSED_FOR_MS = 600_000;

/** Whether a copy has had no point but a borrowed one for so long that it is worth its own. */
export function isLongBorrowed({ points, born }: HistoryRecord, timelineId: TimelineId): boolean {
  const tree = points.at(-1)?.tree;
  if (!born || !tree || !isPointTree(tree)) return false;
  if (tree.startsWith(pointTreePrefix(timelineId))) return false;
  return Date.now() - Date.parse(born.at) >= BORROW_FOR_MS;
}

/**
 * Gives back what a copy has of its source's history if the copy never ran, as a snapshot does not:
 * what it will begin with one day is the copy itself.
 */
export async function giveBackUnused(
  parts: DropParts & Pick<CopyParts, 'walStores'>,
  timelineId: TimelineId,
): Promise<void> {
  const { histories, walStores, timelines } = parts;
  const { born } = await histories.get(timelineId);
  if (!born || Date.now() - Date.parse(born.at) < UNUSED_FOR_MS) return;
  await histories.removing(timelineId, async () => {
    const { points } = await histories.get(timelineId);
    const { state, checkpointLsn } = readControlFile(timelines.dataDirectory(timelineId));
    const neverRan = state === 'shut_down' && checkpointLsn === parseLsn(born.lsn);
    if (!neverRan || points.length === 0) return;
    await histories.update(timelineId, (history) => ({ ...history, points: [] }));
    await dropPoints(
      parts,
      timelineId,
      points.map(({ tree }) => tree),
    );
    await (await walStores.of(timelineId)).expire({ before: checkpointLsn });
  });
}

/** From where on a timeline's WAL is its own to count. */
export function countFrom({ born }: HistoryRecord, lsn: string): bigint {
  const place = parseLsn(lsn);
  if (!born) return place;
  const own = parseLsn(born.lsn);
  return own > place ? own : place;
}
