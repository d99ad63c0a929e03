import type { SnapshotId } from '@pgfleet/contract';
import { loadSnapshotOnHost } from '../store/snapshots.ts';
import { isSourceOfUnfinished, markTimelineDeleted } from '../store/timelines.ts';
import { done } from './action.ts';
import type { Outcome, StepContext } from './action.ts';
import { callContext } from './branch-host.ts';

const RESTORE_PATIENCE_MS = 1_000;

/** A step: deletes the timeline of a snapshot, once no restore is being made of it. */
export async function deleteSnapshot(
  context: StepContext,
  id: SnapshotId,
): Promise<Outcome<never>> {
  const { snapshot, host } = await loadSnapshotOnHost(context.db, id);
  const { project_id: projectId, timeline_id: timelineId } = snapshot;
  if (await isSourceOfUnfinished(context.db, { projectId, timelineId })) {
    return { kind: 'waitFor', what: 'a restore of the snapshot', delayMs: RESTORE_PATIENCE_MS };
  }
  // Without a host nothing was ever made of it.
  if (host) {
    const client = context.connectHost(host.address);
    await client.deleteTimeline(timelineId, callContext(context));
  }
  await markTimelineDeleted(context.db, timelineId);
  return done;
}
