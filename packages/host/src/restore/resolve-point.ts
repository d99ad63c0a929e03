import { PgfleetError } from '@pgfleet/contract';
import type { PointInTime, ResolvedPoint, TimelineId } from '@pgfleet/contract';
import { timestampMicros } from '../history/nearest-point.ts';
import { lossAt, lossError } from '../history/lost-window.ts';
import { parseLsn } from '../history/wal-segment.ts';
import { restoreWindow } from '../history/restore-window.ts';
import { requireRoom } from '../storage/require-room.ts';
import type { CopyParts } from './copy-parts.ts';
import { markKnownHead } from './mark-known-head.ts';
import { whileSettled } from './while-settled.ts';

interface ResolveOptions {
  readonly at: PointInTime;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Says whether a timeline can be had as of a point, and turns its head into an LSN, so that what is
 * made of it later holds what was committed by now.
 *
 * @throws PgfleetError `timeline_not_found`, `point_not_available` with what is available, `disk_full`.
 */
export async function resolvePoint(
  parts: CopyParts,
  timelineId: TimelineId,
  { at, signal }: ResolveOptions,
): Promise<ResolvedPoint> {
  // Marking the head writes WAL, and a Postgres that cannot do so dies.
  await requireRoom(parts.volume, { signal });
  if (at.kind === 'head') {
    const lsn = await resolveHead(parts, timelineId, signal);
    return { at: { kind: 'lsn', lsn }, lsn };
  }
  const head = await currentHead(parts, timelineId, signal);
  await assertAvailable(parts, timelineId, { at, head });
  return { at, lsn: at.kind === 'lsn' ? at.lsn : null };
}

/** Resolves the head, so that what a copy of it will be like is known. */
function resolveHead(
  parts: CopyParts,
  timelineId: TimelineId,
  signal: AbortSignal | undefined,
): Promise<string> {
  return whileSettled(
    parts,
    { timelineId, signal },
    {
      mark: (connection) => markKnownHead(parts, timelineId, connection),
      running: ({ lsn }) => lsn,
      resting: async ({ lsn }) => lsn,
    },
  );
}

interface CurrentHead {
  readonly lsn: string;
  readonly at: string;
  /** Nothing was committed since. */
  readonly since: string;
}

function currentHead(
  parts: CopyParts,
  timelineId: TimelineId,
  signal: AbortSignal | undefined,
): Promise<CurrentHead> {
  return whileSettled(
    parts,
    { timelineId, signal },
    {
      running: ({ lsn, at }) => ({ lsn, at, since: at }),
      resting: async ({ lsn, at }) => ({ lsn, at: new Date().toISOString(), since: at }),
    },
  );
}

async function assertAvailable(
  { histories, timelines }: CopyParts,
  timelineId: TimelineId,
  { at, head }: { readonly at: Exclude<PointInTime, { kind: 'head' }>; readonly head: CurrentHead },
): Promise<void> {
  const { spec } = timelines.ready(timelineId);
  const history = await histories.get(timelineId);
  const window = restoreWindow(history, spec.historyRetentionSeconds, new Date());
  const { at: fromAt = head.since, lsn: fromLsn = head.lsn } = window;
  const isInside =
    at.kind === 'lsn'
      ? parseLsn(at.lsn) >= parseLsn(fromLsn) && parseLsn(at.lsn) <= parseLsn(head.lsn)
      : timestampMicros(at.at) >= timestampMicros(fromAt) &&
        timestampMicros(at.at) <= timestampMicros(head.at);
  if (isInside) return;
  const loss = lossAt(history, at);
  if (loss) throw lossError(loss);
  throw new PgfleetError('point_not_available', {
    message:
      `the requested point in time is not available: ` +
      `this branch can be restored from ${fromAt} (LSN ${fromLsn}) to now`,
  });
}
