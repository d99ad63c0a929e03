import type { TimelineId } from '@pgfleet/contract';
import type { FileLock } from '@pgfleet/kit';
import { noteRest, readLastWords } from '../timelines/last-words.ts';
import type { CopyParts } from './copy-parts.ts';
import { withThrowawayRun } from './throwaway-run.ts';
import type { ThrowawayAccess } from './throwaway-run.ts';

export interface RestingWork<T> {
  readonly signal: AbortSignal;
  /** The held lock of the timeline. */
  readonly lock: FileLock;
  readonly work: (access: ThrowawayAccess) => Promise<T>;
}

/** Runs a timeline at rest for work that may change it, and notes what it is like afterwards. */
export async function runAtRest<T>(
  parts: CopyParts,
  timelineId: TimelineId,
  { signal, lock, work }: RestingWork<T>,
): Promise<T> {
  const { timelines } = parts;
  const record = timelines.ready(timelineId);
  const run = {
    major: record.spec.pgMajor,
    dataDirectory: timelines.dataDirectory(timelineId),
    lock,
    ...timelines.owner(record),
    secrets: timelines.adminSecrets(record),
    signal,
  };
  const { result, words } = await withThrowawayRun(parts, run, async (access) => ({
    result: await work(access),
    words: await readLastWords(access.connection),
  }));
  await noteRest(parts, timelineId, words);
  return result;
}
