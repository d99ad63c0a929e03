import { beginBackup, endBackup, markHead, readControlFile } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { ComputeRun } from '../endpoints/compute-run.ts';
import { withPoint } from '../history/lost-window.ts';
import type { PointRecord, RestMark } from '../history/history-record.ts';
import { formatLsn } from '../history/wal-segment.ts';
import { requireRoom, ROOM_FOR_OTHERS_BYTES } from '../storage/require-room.ts';
import type { CopyParts } from './copy-parts.ts';
import { measureContent } from './measure-content.ts';
import { newPointTree } from './point-tree.ts';

const BACKUP_TIMEOUT_MS = 600_000;

/** What a point of history is without: its WAL is kept elsewhere, the rest is of no use to a copy. */
const LEFT_OUT = [
  'pg_wal',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_stat_tmp',
  'pg_subtrans',
  'postmaster.pid',
  'postmaster.opts',
] as const;

export type PointParts = Pick<CopyParts, 'volume' | 'timelines' | 'histories' | 'log'>;

/** Freezes a timeline at rest, whose lock the caller holds. */
export async function captureRestingPoint(
  parts: PointParts,
  {
    timelineId,
    rest,
  }: { readonly timelineId: TimelineId; readonly rest: Pick<RestMark, 'lsn' | 'at'> },
  signal: AbortSignal,
): Promise<void> {
  const tree = newPointTree(timelineId);
  const { lsn, at } = rest;
  await capture(parts, { timelineId, tree }, async () => {
    const { content } = await parts.volume.clone(timelineId, tree, { exclude: LEFT_OUT, signal });
    const place = { redoLsn: lsn, consistentLsn: lsn, endLsn: lsn };
    return { tree, kind: 'rest', ...place, at, backupLabel: null, ...(content && { content }) };
  });
}

/**
 * Freezes a timeline that is about to run without any point to go back to, whose lock the caller
 * holds: its past, or what it had of its source's, had all expired while it slept.
 */
export async function captureBeginning(
  parts: PointParts,
  timelineId: TimelineId,
  signal: AbortSignal,
): Promise<void> {
  const { points } = await parts.histories.get(timelineId);
  if (points.length > 0) return;
  const { state, checkpointLsn } = readControlFile(parts.timelines.dataDirectory(timelineId));
  if (state !== 'shut_down') return;
  const rest = { lsn: formatLsn(checkpointLsn), at: new Date().toISOString() };
  await captureRestingPoint(parts, { timelineId, rest }, signal);
}

/**
 * Freezes a running timeline with the low-level backup API: a checkpoint, a clone of files that go
 * on changing, and the stretch of WAL that makes up for that.
 */
export async function captureRunningPoint(
  parts: PointParts,
  run: ComputeRun,
  signal: AbortSignal,
): Promise<void> {
  const { timelineId } = run;
  const { pgMajor } = parts.timelines.ready(timelineId).spec;
  const tree = newPointTree(timelineId);
  await requireRoom(parts.volume, { reservedBytes: ROOM_FOR_OTHERS_BYTES, signal });
  await using connection = await run.connect({ timeoutMs: BACKUP_TIMEOUT_MS, signal });
  await capture(parts, { timelineId, tree }, async () => {
    const backup = await beginBackup(connection, pgMajor);
    const begin = performance.now();
    await parts.volume.clone(timelineId, tree, { inUse: true, exclude: LEFT_OUT, signal });
    const cloneMs = Math.round(performance.now() - begin);
    const complete = await endBackup(connection, backup, pgMajor);
    const { endLsn } = await markHead(connection);
    return {
      tree,
      kind: 'running',
      redoLsn: complete.startLsn,
      consistentLsn: complete.stopLsn,
      endLsn,
      at: complete.stoppedAt,
      backupLabel: complete.label,
      cloneMs,
    };
  });
}

interface Capture {
  readonly timelineId: TimelineId;
  readonly tree: string;
}

/** Makes a point's tree and notes it; while that lasts the timeline's history is not deleted. */
function capture(
  { histories, volume, timelines }: PointParts,
  { timelineId, tree }: Capture,
  make: () => Promise<PointRecord>,
): Promise<void> {
  return histories.using(timelineId, async () => {
    timelines.ready(timelineId);
    try {
      const point = await make();
      // What a clone of changing files counted is not what it has.
      const content = point.content ?? (await measureContent(volume, tree));
      await histories.update(timelineId, (history) => withPoint(history, { ...point, content }));
    } catch (error) {
      await volume.remove(tree);
      throw error;
    }
  });
}
