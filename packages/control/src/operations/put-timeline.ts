import { PgfleetError } from '@pgfleet/contract';
import type { HostClient, TimelineId, TimelineReady, TimelineSpec } from '@pgfleet/contract';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { loadInitialContent } from '../store/timelines.ts';
import type { StepContext } from './action.ts';
import { callContext } from './branch-host.ts';

interface PutBranch extends BranchOnHost {
  /** Whose passwords of now the roles of the timeline are to have. */
  readonly passwordsOf?: TimelineId;
  readonly opensAtOnce?: boolean;
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
 * Makes the timeline of an operation exist: the first one of its branch, or one beside the present
 * one, whose passwords it gets as they are now, by whomever they were changed: clients go on with them.
 */
export async function putBesidePresent(
  host: HostClient,
  loaded: PutBranch,
  context: StepContext,
): Promise<TimelineReady> {
  const { timeline_id: present } = loaded.branch;
  const isFirst = present === loaded.timeline.id;
  const put = isFirst ? loaded : { ...loaded, passwordsOf: present };
  return naming(putTimeline(host, put, context));
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
  const { branch, project, timeline, passwordsOf, opensAtOnce } = loaded;
  return {
    timelineId: timeline.id,
    projectId: project.id,
    branchId: branch.id,
    pgMajor: project.pg_major,
    source: timeline.source,
    ...(passwordsOf && { passwordsOf }),
    initial: await loadInitialContent(db, loaded),
    historyRetentionSeconds: project.history_retention_seconds,
    ...(opensAtOnce && { opensAtOnce }),
  };
}

// Timelines are nothing that a reader of operations knows.
async function naming<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof PgfleetError) || error.code !== 'timeline_not_found') throw error;
    throw new PgfleetError('branch_not_created', {
      message: 'the branch that it was to be made of has no data',
      cause: error,
    });
  }
}
