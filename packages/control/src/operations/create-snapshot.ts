import type { SnapshotId, TimelineSpec } from '@pgfleet/contract';
import { followSource, loadSnapshotOnHost, setSnapshotReady } from '../store/snapshots.ts';
import type { SnapshotOnHost } from '../store/snapshots.ts';
import { setTimelineOrigin } from '../store/timelines.ts';
import { done } from './action.ts';
import type { Outcome, StepContext } from './action.ts';
import { callContext } from './branch-host.ts';

const noSource = {
  kind: 'abort',
  reason: 'the branch has no data: it could not be created',
} as const;

/** A step: makes the timeline of the operation's snapshot and notes what it holds. */
export async function createSnapshot(
  context: StepContext,
  id: SnapshotId,
): Promise<Outcome<never>> {
  const loaded = await loadPlaced(context, id);
  if (!loaded.host) return noSource;
  const host = context.connectHost(loaded.host.address);
  const spec = snapshotSpec(loaded);
  const { origin } = await host.putTimeline(spec, callContext(context));
  const { logicalBytes } = await host.timeline(spec.timelineId, callContext(context));
  if (origin) await setTimelineOrigin(context.db, spec.timelineId, origin);
  await setSnapshotReady(context.db, id, {
    lsn: origin?.lsn ?? null,
    at: origin?.at ?? null,
    fullSize: logicalBytes,
  });
  return done;
}

async function loadPlaced({ db }: StepContext, id: SnapshotId): Promise<SnapshotOnHost> {
  const loaded = await loadSnapshotOnHost(db, id);
  if (loaded.host) return loaded;
  await followSource(db, loaded.snapshot.timeline_id, loaded.source);
  return loadSnapshotOnHost(db, id);
}

// It never runs: it has no history of its own, and its roles are those of its source.
function snapshotSpec({ snapshot, pgMajor, source }: SnapshotOnHost): TimelineSpec {
  return {
    timelineId: snapshot.timeline_id,
    projectId: snapshot.project_id,
    branchId: snapshot.source_branch_id,
    pgMajor,
    source,
    initial: { roles: [], databases: [] },
    historyRetentionSeconds: 0,
  };
}
