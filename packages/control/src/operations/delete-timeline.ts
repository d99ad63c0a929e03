import { markTimelineDeleted } from '../store/timelines.ts';
import { defineAction, done } from './action.ts';
import { callContext, loadBranchHost } from './branch-host.ts';
import { deleteSnapshot } from './delete-snapshot.ts';

/**
 * Removes the endpoints of a branch from its host, then the data; or, for an operation that names
 * one, the data of a snapshot.
 */
export const deleteTimeline = defineAction('endpoints', {
  async endpoints(context) {
    const { snapshot_id: snapshotId } = context.operation;
    if (snapshotId) return deleteSnapshot(context, snapshotId);
    const { loaded, host } = await loadBranchHost(context);
    if (host) {
      const ids = loaded.endpoints.map((endpoint) => endpoint.id);
      await Promise.all(ids.map((id) => host.deleteEndpoint(id, callContext(context))));
    }
    return { kind: 'next', step: 'timeline' };
  },

  async timeline(context) {
    const { loaded, host } = await loadBranchHost(context);
    const { timeline_id: timelineId } = loaded.branch;
    // Without a host nothing was ever made: the operation that would have was cancelled.
    await host?.deleteTimeline(timelineId, callContext(context));
    await markTimelineDeleted(context.db, timelineId);
    return done;
  },
});
