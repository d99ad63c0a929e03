import { applySpec, finishInPlace, inPlaceSettings } from '@pgfleet/compute';
import type { AdminConnection } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { firstSpec } from '../timelines/first-spec.ts';
import { noteRest, readLastWords } from '../timelines/last-words.ts';
import type { LastWords } from '../timelines/last-words.ts';
import { noteReached } from '../timelines/note-reached.ts';
import type { PendingRecovery, TimelineRecord } from '../timelines/timeline-record.ts';
import type { CopyParts } from './copy-parts.ts';
import { throwawaySettings, withThrowawayRun } from './throwaway-run.ts';

// A standby whose WAL breaks off too early waits for ever.
const START_TIMEOUT_MS = 60_000;

/**
 * Does what was left to a first launch, in a run for nobody: afterwards the timeline is at rest like any
 * other. One that is like that already is left alone. When its tree does not lead there it is made
 * anew, and stays as it was when that fails too.
 *
 * The caller sees to it that nothing starts on the timeline meanwhile.
 *
 * @throws PgfleetError as {@link Timelines.remake} does; the signal's reason.
 */
export async function completeCopy(
  parts: CopyParts,
  timelineId: TimelineId,
  signal: AbortSignal,
): Promise<void> {
  const { timelines, recoveries, log } = parts;
  const record = timelines.ready(timelineId);
  const { pending } = record;
  if (!pending) return;
  try {
    await recoveries.run(() => openForNobody(parts, { ...record, pending }, signal), signal);
  } catch (error) {
    signal.throwIfAborted();
    log.info({ err: error, timeline_id: timelineId }, 'a copy is made anew to be recovered');
    await timelines.remake(timelineId, signal);
  }
}

async function openForNobody(
  parts: CopyParts,
  record: TimelineRecord & { readonly pending: PendingRecovery },
  signal: AbortSignal,
): Promise<void> {
  const { timelines } = parts;
  const { spec, pending } = record;
  const { timelineId } = spec;
  const dataDirectory = timelines.dataDirectory(timelineId);
  using lock = await timelines.lock(timelineId, signal);
  const usual = throwawaySettings(spec.pgMajor, dataDirectory);
  const words = await withThrowawayRun(
    parts,
    {
      major: spec.pgMajor,
      dataDirectory,
      lock,
      ...timelines.owner(record),
      secrets: timelines.adminSecrets(record),
      settings: inPlaceSettings(dataDirectory, usual, pending),
      timeoutMs: START_TIMEOUT_MS,
      signal,
    },
    async ({ connection, postmasterPid }) => {
      const reached = await finishInPlace(connection, { postmasterPid, signal });
      return settle(parts, { ...record, ...reached }, connection);
    },
  );
  await noteRest(parts, timelineId, words);
}

type ReachedTimeline = TimelineRecord & Parameters<typeof noteReached>[2];

async function settle(
  parts: CopyParts,
  timeline: ReachedTimeline,
  connection: AdminConnection,
): Promise<LastWords> {
  const { timelines } = parts;
  const { timelineId } = timeline.spec;
  const origin = await noteReached(parts, timelineId, timeline);
  const own = timelines.adminSecrets(timeline).at(-1) ?? '';
  await applySpec(connection, await firstSpec(connection, timeline, own));
  await timelines.noteSpecApplied(timelineId, origin);
  return readLastWords(connection);
}
