import type { PointRecord } from './history-record.ts';
import { nearestPoint, timestampMicros } from './nearest-point.ts';
import { parseLsn } from './wal-segment.ts';

/*
 * Which points of history to take, which to keep, and which WAL: pure decisions.
 *
 * Restoring to any moment costs a clone of the nearest earlier point and the replay of the WAL
 * between, so the distance between neighbours bounds how long it takes, and the number of points
 * what it costs on disk. Recent history is what people go back to: it is kept close, older history
 * is thinned.
 */

const MIB = 1024 * 1024;
const MICROS_PER_MINUTE = 60_000_000;
// About half a second of replay beside a busy instance: some ten thousand small transactions.
const RECENT_DISTANCE = 16 * MIB;
const TODAY_DISTANCE = 256 * MIB;
const OLD_DISTANCE = 1024 * MIB;
// Less is not worth a tree of a thousand inodes.
const WORTHWHILE_BYTES = 8 * MIB;
const QUIET_MS = 5_000;
// A point costs a busy instance a checkpoint and a clone: one comes after another so soon only when the
// replay would take seconds otherwise.
const MIN_INTERVAL_MS = 5_000;
const USUAL_INTERVAL_MS = 15_000;
const PRESSING_BYTES = 64 * MIB;
// Where a clone takes seconds, as one of scattered files on XFS does, clones take a tenth of the time.
const INTERVAL_PER_CLONE = 10;

export interface RetentionRequest {
  /** Oldest first. */
  readonly points: readonly PointRecord[];
  readonly now: Date;
  /** How far back every moment must be restorable; beyond it there is no promise. */
  readonly retentionSeconds: number;
  /** What a point costs on a volume that copies; they are kept at least as much WAL apart. */
  readonly copiedBytes?: number;
}

export interface RetentionPlan {
  readonly drop: readonly PointRecord[];
  /** WAL that ends at or before it can go; null when none can, since there is no point. */
  readonly walBefore: bigint | null;
}

/**
 * Decides what of a history can go. What remains restores every moment from the window's beginning,
 * or from the oldest point should that be later, up to now.
 */
export function planRetention(request: RetentionRequest): RetentionPlan {
  const { points, now, retentionSeconds } = request;
  const begin = new Date(now.getTime() - retentionSeconds * 1000).toISOString();
  const base = nearestPoint(points, { kind: 'time', at: begin }) ?? points[0];
  if (!base) return { drop: [], walBefore: null };
  const kept = thinned(points.slice(points.indexOf(base)), request);
  const keptSet = new Set(kept);
  return {
    drop: points.filter((point) => !keptSet.has(point)),
    walBefore: kept.map(({ redoLsn }) => parseLsn(redoLsn)).reduce((a, b) => (b < a ? b : a)),
  };
}

/**
 * The most WAL that dropping a point may leave between its neighbours, by the age of the later one:
 * where more lies between two points, it is because none was taken.
 */
export function targetDistance(ageMicros: number): number {
  if (ageMicros < 10 * MICROS_PER_MINUTE) return RECENT_DISTANCE;
  if (ageMicros < 24 * 60 * MICROS_PER_MINUTE) return TODAY_DISTANCE;
  return OLD_DISTANCE;
}

/** Keeps the first and the last, and of the others those whose neighbours are too far apart. */
function thinned(
  points: readonly PointRecord[],
  { now, copiedBytes = 0 }: RetentionRequest,
): readonly PointRecord[] {
  const kept: PointRecord[] = [];
  for (const [index, point] of points.entries()) {
    const before = kept.at(-1);
    const after = points[index + 1];
    if (before && after) {
      const ageMicros = now.getTime() * 1000 - timestampMicros(after.at);
      const distance = Math.max(targetDistance(ageMicros), copiedBytes);
      const walBytes = parseLsn(after.consistentLsn) - parseLsn(before.consistentLsn);
      if (walBytes <= BigInt(distance)) continue;
    }
    kept.push(point);
  }
  return kept;
}

export interface RunningState {
  /** Whether nothing from a damage on can be restored until there is a point. */
  readonly isLost: boolean;
  /** WAL bytes since the last point; null when there is none. */
  readonly walBytesSinceLast: number | null;
  /** Those of them that it wrote itself: the last point may be its source's. */
  readonly ownWalBytes: number;
  readonly msSinceLast: number;
  /** How long the clone for the last point took; 0 when that is not known. */
  readonly lastCloneMs: number;
  /** How long no WAL was written. */
  readonly quietMs: number;
  /** Whether a point shares no blocks with the data. */
  readonly driverCopies: boolean;
  readonly dataBytes: number;
}

/** Says whether a point of a running instance is worth its cost now. */
export function isPointDue(state: RunningState): boolean {
  // A clock that was set back makes the last point one of the future.
  if (state.msSinceLast >= 0 && state.msSinceLast < MIN_INTERVAL_MS) return false;
  if (state.walBytesSinceLast === null || state.isLost) return true;
  if (state.ownWalBytes < WORTHWHILE_BYTES) return false;
  return state.walBytesSinceLast >= scaled(dueBytes(state), state);
}

function dueBytes({ quietMs, msSinceLast, lastCloneMs }: RunningState): number {
  if (quietMs >= QUIET_MS) return WORTHWHILE_BYTES;
  const intervalMs = Math.max(USUAL_INTERVAL_MS, INTERVAL_PER_CLONE * lastCloneMs);
  const isSoon = msSinceLast >= 0 && msSinceLast < intervalMs;
  return isSoon ? PRESSING_BYTES : RECENT_DISTANCE;
}

export interface RestingState
  extends Pick<RunningState, 'isLost' | 'walBytesSinceLast' | 'driverCopies' | 'dataBytes'> {
  /** Whether its last point is another timeline's, and has been for long. */
  readonly isBorrowed: boolean;
}

/** Says whether a timeline that came to rest is worth a point of its own. */
export function isRestPointDue(state: RestingState): boolean {
  if (state.walBytesSinceLast === null || state.isLost || state.isBorrowed) return true;
  return state.walBytesSinceLast >= scaled(WORTHWHILE_BYTES, state);
}

// A volume that copies writes the whole data again: never more often than the tenant did.
function scaled(
  bytes: number,
  { driverCopies, dataBytes }: Pick<RunningState, 'driverCopies' | 'dataBytes'>,
): number {
  return driverCopies ? Math.max(bytes, dataBytes) : bytes;
}
