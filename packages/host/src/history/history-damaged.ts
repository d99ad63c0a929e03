import { PgfleetError } from '@pgfleet/contract';
import { formatLsn } from './wal-segment.ts';

/** A stretch of WAL that is missing or not to be trusted: what needs it cannot be restored. */
export class HistoryDamaged extends PgfleetError {
  readonly fromLsn: bigint;
  readonly toLsn: bigint;

  /** @param reason goes into the log, not to the client */
  constructor(fromLsn: bigint, toLsn: bigint, reason: string) {
    super('history_damaged', {
      message: `the history of this branch is damaged between ${formatLsn(fromLsn)} and ${formatLsn(toLsn)}`,
      cause: new Error(reason),
    });
    this.fromLsn = fromLsn;
    this.toLsn = toLsn;
  }
}
