import type { HistoryRecord } from './history-record.ts';

/** From where on a timeline can be restored; empty before it was ever opened. */
export interface RestoreWindow {
  readonly at?: string;
  readonly lsn?: string;
}

/** The window that is left of a history, after what retention has let go. */
export function restoreWindow(
  { points }: HistoryRecord,
  retentionSeconds: number,
  now: Date,
): RestoreWindow {
  const [oldest] = points;
  if (!oldest) return {};
  const beginning = new Date(now.getTime() - retentionSeconds * 1000).toISOString();
  const at = Date.parse(oldest.at) > Date.parse(beginning) ? oldest.at : beginning;
  return { at, lsn: oldest.consistentLsn };
}
