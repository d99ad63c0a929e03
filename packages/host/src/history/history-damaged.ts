import { PgfleetError } from '@pgfleet/contract';
import { formatLsn } from './wal-segment.ts';

/** A stretch of history that is missing or not to be trusted: what needs it cannot be restored. */
export class HistoryDamaged extends PgfleetError {
  readonly fromLsn: bigint;
  readonly toLsn: bigint;
  /** For the log and whoever runs the host, not for the client. */
  readonly reason: string;

  constructor(fromLsn: bigint, toLsn: bigint, reason: string) {
    super('history_damaged', {
      message: `the history of this branch is damaged between ${formatLsn(fromLsn)} and ${formatLsn(toLsn)}`,
      cause: new Error(reason),
    });
    this.fromLsn = fromLsn;
    this.toLsn = toLsn;
    this.reason = reason;
  }
}
