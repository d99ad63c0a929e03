import { randomBytes } from 'node:crypto';
import { link, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Primary } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { hasErrorCode } from '@pgfleet/kit';
import type { HostLayout } from '../storage/host-layout.ts';
import type { ComputeParts } from './compute-parts.ts';

/** A timeline that reads on with another one. */
export interface Following {
  readonly timelineId: TimelineId;
  readonly follows: TimelineId;
}

/**
 * Makes the timeline of a replica anew, with all that was committed by now. What an earlier run left may
 * be far behind, and miss WAL that is gone by now.
 *
 * @throws PgfleetError `timeline_not_found`, `disk_full`; what {@link Timelines.put} throws.
 */
export async function beginToFollow(
  parts: Pick<ComputeParts, 'timelines'>,
  { timelineId, follows }: Following,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const { timelines } = parts;
  await endFollowing(parts, timelineId);
  await timelines.made(follows);
  const { opensAtOnce: _, ...spec } = timelines.ready(follows).spec;
  await timelines.put(
    {
      ...spec,
      timelineId,
      source: { kind: 'timeline', timelineId: follows, at: { kind: 'head' } },
      initial: { roles: [], databases: [] },
      historyRetentionSeconds: 0,
    },
    { ephemeral: true, follows, signal },
  );
}

/** Removes the timeline of a replica on which nothing runs; one that is gone already is fine. */
export function endFollowing(
  { timelines }: Pick<ComputeParts, 'timelines'>,
  timelineId: TimelineId,
): Promise<void> {
  return timelines.delete(timelineId, async () => undefined);
}

/** Where the replicas of a timeline find what writes to it, with the socket of what does so now. */
export async function primaryOf(
  { layout, claims }: Pick<ComputeParts, 'layout' | 'claims'>,
  follows: TimelineId,
): Promise<Primary> {
  const run = claims.running(follows);
  if (run) await offerSocket(layout, follows, run.socketPath);
  return { socketDirectory: layout.peer(follows) };
}

/**
 * Puts the socket of what writes to a timeline where its replicas look for it: under another name, as
 * what writes may be another endpoint, or another of its places, by the time they do.
 */
export async function offerSocket(
  layout: HostLayout,
  timelineId: TimelineId,
  socketPath: string,
): Promise<void> {
  const directory = layout.peer(timelineId);
  const offered = join(directory, basename(socketPath));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const incoming = join(directory, randomBytes(6).toString('hex'));
  try {
    await link(socketPath, incoming);
  } catch (error) {
    // It has been stopped again.
    if (hasErrorCode(error, 'ENOENT')) return;
    throw error;
  }
  await rename(incoming, offered);
  // Nothing is renamed over another name of the same file.
  await rm(incoming, { force: true });
}
