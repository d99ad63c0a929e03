import type { Primary } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { ComputeParts } from './compute-parts.ts';
import { placeIds } from './compute-place.ts';

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

/** Where whoever writes to a timeline listens, or would; `undefined` when nobody may. */
export function primaryOf(
  { layout, writerOf }: Pick<ComputeParts, 'layout' | 'writerOf'>,
  follows: TimelineId,
): Primary | undefined {
  const writer = writerOf(follows);
  if (!writer) return undefined;
  return { socketDirectories: placeIds(writer).map((id) => layout.sockets(id)) };
}
