import { HistoryDamaged } from '../history/history-damaged.ts';
import type { PointRecord } from '../history/history-record.ts';
import { parseLsn } from '../history/wal-segment.ts';

/** An image that does not lead to a target although the WAL would: an earlier one may. */
export class DamagedPoint extends Error {
  readonly tree: string;
  /** What is lost when no other image leads there. */
  readonly damage: HistoryDamaged;

  constructor({ tree, redoLsn, consistentLsn }: PointRecord, reason: string) {
    super(reason);
    this.tree = tree;
    // Any later point does without this one, even if its redo begins before this one is consistent.
    this.damage = new HistoryDamaged(parseLsn(consistentLsn), parseLsn(redoLsn) + 1n, reason);
  }
}
