import type { TimelineRecord } from '../timelines/timeline-record.ts';
import { noHistory } from './history-record.ts';
import type { HistoryRecord } from './history-record.ts';

/** The history of a timeline that none was written down for: the template that it began as. */
export function beginningOf(record: TimelineRecord | undefined): HistoryRecord {
  const beginning = record?.beginning;
  if (!beginning) return noHistory;
  const { tree, lsn, at } = beginning;
  const point = { tree, redoLsn: lsn, consistentLsn: lsn, endLsn: lsn, at, backupLabel: null };
  return { ...noHistory, points: [{ ...point, kind: 'rest' }] };
}
