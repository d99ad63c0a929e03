import { PgfleetError } from '@pgfleet/contract';
import type { HostClient, TimelineId, TimelineReady, TimelineSpec } from '@pgfleet/contract';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { loadInitialContent } from '../store/timelines.ts';
import type { StepContext } from './action.ts';
import { callContext } from './branch-host.ts';

interface PutBranch extends BranchOnHost {
  /** Whose passwords of now the roles of the timeline are to have. */
  readonly passwordsOf?: TimelineId;
}

/** Makes the timeline exist on the host. */
export async function putTimeline(
  host: HostClient,
  loaded: PutBranch,
  context: StepContext,
): Promise<TimelineReady> {
  return host.putTimeline(await timelineSpec(loaded, context), callContext(context));
}

/**
 * Tells the host the present retention and branch of a timeline that it has, or new passwords. One that it does not
 * have is left alone: putting it would make its content anew.
 */
export async function renewTimeline(
  host: HostClient,
  loaded: PutBranch,
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
  loaded: PutBranch,
  { db }: Pick<StepContext, 'db'>,
): Promise<TimelineSpec> {
  const { branch, project, timeline, passwordsOf } = loaded;
  return {
    timelineId: timeline.id,
    projectId: project.id,
    branchId: branch.id,
    pgMajor: project.pg_major,
    source: timeline.source,
    ...(passwordsOf && { passwordsOf }),
    initial: await loadInitialContent(db, loaded),
    historyRetentionSeconds: project.history_retention_seconds,
  };
}
