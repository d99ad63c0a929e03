import type { Reached } from '@pgfleet/compute';
import type { TimelineId, TimelineReady } from '@pgfleet/contract';
import type { RestParts } from './last-words.ts';
import type { PendingRecovery } from './timeline-record.ts';

/**
 * Notes that what was recovered in place begins there, and returns where its source was cut, which may
 * have been told already.
 */
export async function noteReached(
  { timelines, histories }: Pick<RestParts, 'timelines' | 'histories'>,
  timelineId: TimelineId,
  { pending: { target }, lsn, lastCommitAt }: Reached & { readonly pending: PendingRecovery },
): Promise<NonNullable<TimelineReady['origin']>> {
  const born = { lsn, at: new Date().toISOString() };
  const { points } = await histories.update(timelineId, (history) => ({ ...history, born }));
  const { origin } = timelines.ready(timelineId);
  const asked = target.kind === 'time' ? target.at : undefined;
  return origin ?? { lsn, at: asked ?? lastCommitAt ?? points.at(-1)?.at ?? born.at };
}
