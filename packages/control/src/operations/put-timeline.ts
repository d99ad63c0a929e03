import { PgfleetError } from '@pgfleet/contract';
import type { HostClient, TimelineReady, TimelineSpec } from '@pgfleet/contract';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { loadInitialContent } from '../store/timelines.ts';
import type { StepContext } from './action.ts';
import { callContext } from './branch-host.ts';

/** Makes the timeline exist on the host. */
export async function putTimeline(
  host: HostClient,
  loaded: BranchOnHost,
  context: StepContext,
): Promise<TimelineReady> {
  return host.putTimeline(await timelineSpec(loaded, context), callContext(context));
}

/**
 * Tells the host the present retention and branch of a timeline that it has. One that it does not
 * have is left alone: putting it would make its content anew.
 */
export async function renewTimeline(
  host: HostClient,
  loaded: BranchOnHost,
  context: StepContext,
): Promise<void> {
  try {
    await host.timeline(loaded.timeline.id, callContext(context));
  } catch (error) {
    if (error instanceof PgfleetError && error.code === 'timeline_not_found') return;
    throw error;
  }
  await putTimeline(host, loaded, context);
}

async function timelineSpec(
  loaded: BranchOnHost,
  { db }: Pick<StepContext, 'db'>,
): Promise<TimelineSpec> {
  const { branch, project, timeline } = loaded;
  return {
    timelineId: timeline.id,
    projectId: project.id,
    branchId: branch.id,
    pgMajor: project.pg_major,
    source: timeline.source,
    initial: await loadInitialContent(db, loaded),
    historyRetentionSeconds: project.history_retention_seconds,
  };
}
