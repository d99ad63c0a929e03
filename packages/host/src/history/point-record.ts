import type { TimelineId } from '@pgfleet/contract';
import { randomText } from '@pgfleet/kit';
import { formatLsn, parseLsn } from './wal-segment.ts';

/** A place a timeline can be taken back to by replaying WAL: an image of its data directory. */
export interface Point {
  readonly pointId: string;
  readonly timelineId: TimelineId;
  /** The tree on the volume: one of its own, or a template's, which never changes. */
  readonly tree: string;
  /** Where replay begins: WAL from here on is needed. */
  readonly redoLsn: bigint;
  /** What it can be taken back to at the earliest. */
  readonly consistentLsn: bigint;
  /** RFC 3339, UTC: when it was consistent; no commit in it is later. */
  readonly at: string;
  readonly kind: 'rest' | 'running';
  /** What Postgres calls `backup_label`; null where none is needed. */
  readonly backupLabel: string | null;
  /** WAL bytes since the files it was cloned from were last written in one piece. */
  readonly bytesSinceRewrite?: number;
}

/** A point as JSON. */
export type PointRecord = Omit<Point, 'redoLsn' | 'consistentLsn'> & {
  readonly redoLsn: string;
  readonly consistentLsn: string;
};

/** Where somebody wants to go back to; `time` is RFC 3339. */
export type PointTarget = { readonly lsn: bigint } | { readonly time: string };

// What a volume takes for the name of a tree.
const TREE_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A name for a new point's tree. */
export function newPointTree(): string {
  return `pt-${randomText(20, TREE_LETTERS)}`;
}

export function toPointRecord(point: Point): PointRecord {
  const { redoLsn, consistentLsn } = point;
  return { ...point, redoLsn: formatLsn(redoLsn), consistentLsn: formatLsn(consistentLsn) };
}

/** @throws Error when an LSN is none. */
export function fromPointRecord(record: PointRecord): Point {
  const { redoLsn, consistentLsn } = record;
  return { ...record, redoLsn: parseLsn(redoLsn), consistentLsn: parseLsn(consistentLsn) };
}

export function isPointRecord(value: unknown): value is PointRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Partial<Record<keyof PointRecord, unknown>>;
  const texts = [record.pointId, record.timelineId, record.tree, record.at] as const;
  return (
    texts.every((text) => typeof text === 'string') &&
    [record.redoLsn, record.consistentLsn].every((lsn) => typeof lsn === 'string') &&
    (record.kind === 'rest' || record.kind === 'running') &&
    (record.backupLabel === null || typeof record.backupLabel === 'string')
  );
}

/** Orders points by what they can be taken back to. */
export function comparePoints(a: Point, b: Point): number {
  if (a.consistentLsn === b.consistentLsn) return 0;
  return a.consistentLsn < b.consistentLsn ? -1 : 1;
}

/**
 * The newest of some ordered points from which a target can be reached; `undefined` when the target
 * is earlier than all of them.
 *
 * For a time it is the last before the first point that is later: should the clock have been set
 * back, what was committed before that is in later points although its time is not over.
 */
export function nearestPoint<T extends Pick<Point, 'consistentLsn' | 'at'>>(
  points: readonly T[],
  target: PointTarget,
): T | undefined {
  if ('lsn' in target) return points.findLast(({ consistentLsn }) => consistentLsn <= target.lsn);
  const micros = timestampMicros(target.time);
  const later = points.findIndex(({ at }) => timestampMicros(at) > micros);
  return points[(later === -1 ? points.length : later) - 1];
}

/** Microseconds since 1970 of an RFC 3339 timestamp. @throws Error when it is none. */
export function timestampMicros(text: string): number {
  const millis = Date.parse(text);
  if (Number.isNaN(millis)) throw new Error(`${JSON.stringify(text.slice(0, 40))} is no time`);
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  return millis * 1000 + Number(fraction.slice(3, 6).padEnd(3, '0'));
}
