import type { HistoryRecord } from './history-record.ts';
import { parseLsn } from './wal-segment.ts';

/** From where on a timeline can be restored; empty before it was ever opened. */
export interface RestoreWindow {
  readonly at?: string;
  readonly lsn?: string;
}

/** The window that is left of a history, after what retention has let go. */
export function restoreWindow(
  { points, born }: HistoryRecord,
  retentionSeconds: number,
  now: Date,
): RestoreWindow {
  const [oldest] = points;
  if (!oldest) return {};
  const beginning = new Date(now.getTime() - retentionSeconds * 1000).toISOString();
  const first = { lsn: oldest.consistentLsn, at: oldest.at };
  const { lsn, at } = born && parseLsn(born.lsn) > parseLsn(first.lsn) ? born : first;
  return { at: Date.parse(at) > Date.parse(beginning) ? at : beginning, lsn };
}
