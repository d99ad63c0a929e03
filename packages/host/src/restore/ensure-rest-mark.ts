import { applySpec } from '@pgfleet/compute';
import type { AdminConnection } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { TimelineId } from '@pgfleet/contract';
import type { FileLock } from '@pgfleet/kit';
import type { RestMark } from '../history/history-record.ts';
import { firstSpec } from '../timelines/first-spec.ts';
import { noteRest, readLastWords, validRestMark } from '../timelines/last-words.ts';
import type { LastWords } from '../timelines/last-words.ts';
import type { TimelineRecord } from '../timelines/timeline-record.ts';
import type { CopyParts } from './copy-parts.ts';
import { withThrowawayRun } from './throwaway-run.ts';

/**
 * Makes sure that a timeline at rest is what it seems: cleanly stopped, its specification inside, its
 * last moment marked in its WAL. One that died, or was never opened, is run for a moment.
 *
 * The caller holds the timeline's lock and its place in `TimelineClaims`.
 */
export async function ensureRestMark(
  parts: CopyParts,
  timelineId: TimelineId,
  { lock, signal }: { readonly lock: FileLock; readonly signal: AbortSignal },
): Promise<RestMark> {
  const record = parts.timelines.ready(timelineId);
  const known = await validRestMark(parts, timelineId);
  if (known && record.specApplied) return known;
  const dataDirectory = parts.timelines.dataDirectory(timelineId);
  const settled = await withThrowawayRun(
    parts,
    {
      major: record.spec.pgMajor,
      dataDirectory,
      lock,
      ...parts.timelines.owner(record),
      secrets: parts.timelines.adminSecrets(record),
      signal,
    },
    ({ connection }) => settle(connection, parts, record),
  );
  await noteRest(parts, timelineId, settled);
  const mark = await validRestMark(parts, timelineId);
  if (!mark) throw new PgfleetError('timeline_locked');
  return mark;
}

async function settle(
  connection: AdminConnection,
  { timelines }: CopyParts,
  record: TimelineRecord,
): Promise<LastWords> {
  if (!record.specApplied) {
    const own = timelines.adminSecrets(record).at(-1) ?? '';
    await applySpec(connection, await firstSpec(connection, record, own));
    await timelines.noteSpecApplied(record.spec.timelineId);
  }
  return readLastWords(connection);
}
