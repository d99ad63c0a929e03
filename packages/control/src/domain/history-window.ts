import { PgfleetError } from '@pgfleet/contract';
import type { PointInTime } from '@pgfleet/contract';

/** What of a branch's history there can be at all. */
export interface HistoryWindow {
  /** Nothing of this branch's own history is older. */
  readonly bornAt: Date;
  readonly retentionSeconds: number;
}

/**
 * Checks what can be known of a point without its host.
 *
 * @throws PgfleetError `point_not_available` for a time in the future, before the branch's history
 * began or before the part of it that is kept.
 */
export function requireWithinHistory(point: PointInTime, history: HistoryWindow, now: Date): void {
  if (point.kind !== 'time') return;
  const at = Date.parse(point.at);
  if (at > now.getTime()) throw notAvailable('it lies in the future');
  if (at < history.bornAt.getTime()) {
    throw notAvailable(`the history of this branch begins at ${history.bornAt.toISOString()}`);
  }
  if (at < now.getTime() - history.retentionSeconds * 1000) {
    throw notAvailable(`history is kept for ${history.retentionSeconds} seconds`);
  }
}

function notAvailable(reason: string): PgfleetError {
  return new PgfleetError('point_not_available', {
    message: `the requested point in time is not available: ${reason}`,
  });
}
