import {
  isPresentTimeline,
  isSourceOfUnfinished,
  markTimelineDeleted,
} from '../store/timelines.ts';
import { defineAction, done } from './action.ts';
import {
  callContext,
  deleteEndpoints,
  isAlive,
  loadBranchHost,
  putEndpoints,
} from './branch-host.ts';
import { deleteSnapshot } from './delete-snapshot.ts';

const COPY_PATIENCE_MS = 200;

/**
 * Removes the endpoints of a branch from its host, then the data; or, for an operation that names
 * one, the data of a snapshot or of a timeline that the branch has left.
 */
export const deleteTimeline = defineAction('endpoints', {
  async endpoints(context) {
    const { snapshot_id: snapshotId } = context.operation;
    if (snapshotId) return deleteSnapshot(context, snapshotId);
    const { loaded, host } = await loadBranchHost(context);
    // The host must have heard that the endpoints of a branch that lives are elsewhere by now.
    if (host && isAlive(loaded)) await putEndpoints(host, loaded, context);
    else if (!isAlive(loaded)) await deleteEndpoints(host, loaded.endpoints, context);
    return { kind: 'next', step: 'timeline' };
  },

  async timeline(context) {
    const { loaded, host } = await loadBranchHost(context);
    const { project, timeline } = loaded;
    if (await isPresentTimeline(context.db, timeline.id)) return done;
    const isNeeded = await isSourceOfUnfinished(context.db, {
      projectId: project.id,
      timelineId: timeline.id,
    });
    if (isNeeded) {
      return { kind: 'waitFor', what: 'what is made of it', delayMs: COPY_PATIENCE_MS };
    }
    // Without a host nothing was ever made: the operation that would have was cancelled.
    await host?.deleteTimeline(timeline.id, callContext(context));
    await markTimelineDeleted(context.db, timeline.id);
    return done;
  },
});
