import type { HostClient, TimelineSpec } from '@pgfleet/contract';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { setBranchReady } from '../store/branches.ts';
import { loadInitialContent, placeTimeline, setTimelineOrigin } from '../store/timelines.ts';
import { defineAction, done } from './action.ts';
import type { StepContext } from './action.ts';
import { callContext, loadBranchHost, putEndpoints } from './branch-host.ts';
import { createSnapshot } from './create-snapshot.ts';

const HOST_PATIENCE_MS = 10_000;

/**
 * Makes the data of a new branch, then tells the host which endpoints serve it; or, for an operation
 * that names one, the data of a snapshot.
 */
export const createTimeline = defineAction('provision', {
  async provision(context) {
    const { snapshot_id: snapshotId } = context.operation;
    if (snapshotId) return createSnapshot(context, snapshotId);
    const { loaded, host } = await loadBranchHost(context);
    if (!host) return { kind: 'next', step: 'place' };
    await putTimeline(host, loaded, context);
    return { kind: 'next', step: 'announce' };
  },

  async place({ db, operation, ...rest }) {
    const { loaded } = await loadBranchHost({ db, operation, ...rest });
    const { timeline_id: timelineId } = loaded.branch;
    const isPlaced = await placeTimeline(db, timelineId, loaded.project);
    if (isPlaced) return { kind: 'next', step: 'provision' };
    return { kind: 'waitFor', what: 'a host in the region', delayMs: HOST_PATIENCE_MS };
  },

  async announce(context) {
    const { loaded, host } = await loadBranchHost(context);
    if (!host) return { kind: 'next', step: 'place' };
    await putEndpoints(host, loaded, context);
    await setBranchReady(context.db, loaded.branch.id);
    return done;
  },
});

async function putTimeline(
  host: HostClient,
  { branch, project, timeline }: BranchOnHost,
  context: StepContext,
): Promise<void> {
  const spec: TimelineSpec = {
    timelineId: branch.timeline_id,
    projectId: project.id,
    branchId: branch.id,
    pgMajor: project.pg_major,
    source: timeline.source,
    initial: await loadInitialContent(context.db, branch.id),
    historyRetentionSeconds: project.history_retention_seconds,
  };
  const { origin } = await host.putTimeline(spec, callContext(context));
  if (origin) await setTimelineOrigin(context.db, branch.timeline_id, origin);
}
