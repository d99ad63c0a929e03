import { PgfleetError } from '@pgfleet/contract';
import type { LostWindow } from '@pgfleet/contract';
import type { HistoryDamaged } from './history-damaged.ts';
import type { HistoryRecord, PointRecord } from './history-record.ts';
import { timestampMicros } from './nearest-point.ts';
import { formatLsn, parseLsn } from './wal-segment.ts';

// What the contract lets through.
const MAX_WINDOWS = 100;

/**
 * Notes that a stretch of history is lost: from the damage to the next point that needs nothing of
 * it, or to the one that is taken next.
 */
export function withLoss(history: HistoryRecord, damage: HistoryDamaged, now: Date): HistoryRecord {
  const { points, lost } = history;
  const before = points.findLast(({ endLsn }) => parseLsn(endLsn) <= damage.fromLsn);
  const next = points.find(({ redoLsn }) => parseLsn(redoLsn) >= damage.toLsn);
  const foundAt = now.toISOString();
  const window: LostWindow = {
    fromLsn: formatLsn(damage.fromLsn),
    fromAt: (before ?? points[0])?.at ?? foundAt,
    toLsn: next?.consistentLsn ?? null,
    toAt: next?.at ?? null,
    reason: damage.reason,
    foundAt,
  };
  const others = lost.filter(({ fromLsn }) => fromLsn !== window.fromLsn);
  return { ...history, lost: [...others, window].slice(-MAX_WINDOWS) };
}

/** Adds a point; what was lost without end until now ends with it. */
export function withPoint(history: HistoryRecord, point: PointRecord): HistoryRecord {
  const lost = history.lost.map((window) =>
    window.toLsn === null ? { ...window, toLsn: point.consistentLsn, toAt: point.at } : window,
  );
  // One that began earlier may be done later.
  const at = parseLsn(point.consistentLsn);
  const later = history.points.filter(({ consistentLsn }) => parseLsn(consistentLsn) > at);
  const earlier = history.points.filter((known) => !later.includes(known));
  return { ...history, points: [...earlier, point, ...later], lost };
}

/** Takes points away, and the losses that nobody could notice any more. */
export function withoutPoints(history: HistoryRecord, dropped: ReadonlySet<string>): HistoryRecord {
  const points = history.points.filter(({ tree }) => !dropped.has(tree));
  const [oldest] = points;
  const lost = history.lost.filter(
    ({ toLsn }) => !oldest || toLsn === null || parseLsn(toLsn) > parseLsn(oldest.consistentLsn),
  );
  return { ...history, points, lost };
}

/** Whether nothing after the damage can be restored until there is another point. */
export function needsPoint({ lost }: Pick<HistoryRecord, 'lost'>): boolean {
  return lost.some(({ toLsn }) => toLsn === null);
}

/** The loss that a time or an LSN falls into. */
export function lossAt(
  { lost }: Pick<HistoryRecord, 'lost'>,
  at:
    | { readonly kind: 'lsn'; readonly lsn: string }
    | { readonly kind: 'time'; readonly at: string },
): LostWindow | undefined {
  return lost.find((window) => {
    if (at.kind === 'lsn') {
      const lsn = parseLsn(at.lsn);
      return lsn > parseLsn(window.fromLsn) && (!window.toLsn || lsn < parseLsn(window.toLsn));
    }
    const micros = timestampMicros(at.at);
    return (
      micros > timestampMicros(window.fromAt) &&
      (window.toAt === null || micros < timestampMicros(window.toAt))
    );
  });
}

/** What a request that falls into a loss fails with. */
export function lossError({ fromLsn, toLsn }: LostWindow): PgfleetError {
  const where = toLsn === null ? `from ${fromLsn} on` : `between ${fromLsn} and ${toLsn}`;
  const message = `the history of this branch is damaged ${where}`;
  return new PgfleetError('history_damaged', { message });
}
