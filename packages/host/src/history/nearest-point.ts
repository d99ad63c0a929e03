import type { RecoveryTarget } from '@pgfleet/compute';
import type { PointRecord } from './history-record.ts';
import { parseLsn } from './wal-segment.ts';

/**
 * The newest of some points, oldest first, that a recovery to a target can begin at; `undefined`
 * when the target is earlier than all of them.
 *
 * For a time it is the last before the first point that is later: should the clock have been set
 * back, what was committed before that is in later points although its time is not over.
 */
export function nearestPoint(
  points: readonly PointRecord[],
  target: RecoveryTarget,
): PointRecord | undefined {
  if (target.kind === 'lsn') {
    const lsn = parseLsn(target.lsn);
    return points.findLast(({ consistentLsn }) => parseLsn(consistentLsn) <= lsn);
  }
  const later = firstLater(points, target.at);
  return points[(later === -1 ? points.length : later) - 1];
}

/** The first point beyond a target: whatever the target is, its `endLsn` lies behind it. */
export function firstPointBeyond(
  points: readonly PointRecord[],
  target: RecoveryTarget,
): PointRecord | undefined {
  if (target.kind === 'time') return points[firstLater(points, target.at)];
  const lsn = parseLsn(target.lsn);
  return points.find(({ redoLsn }) => parseLsn(redoLsn) > lsn);
}

function firstLater(points: readonly PointRecord[], at: string): number {
  const micros = timestampMicros(at);
  return points.findIndex((point) => timestampMicros(point.at) > micros);
}

/** Microseconds since 1970 of an RFC 3339 timestamp. @throws Error when it is none. */
export function timestampMicros(text: string): number {
  const millis = Date.parse(text);
  if (Number.isNaN(millis)) throw new Error(`${JSON.stringify(text.slice(0, 40))} is no time`);
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  return millis * 1000 + Number(fraction.slice(3, 6).padEnd(3, '0'));
}
