import { PgfleetError } from '@pgfleet/contract';
import type { HostClient } from '@pgfleet/contract';
import type { BranchOnHost, EndpointOnHost } from '../domain/endpoint-spec.ts';
import { failMasking } from '../store/anonymized-branches.ts';
import { setBranchReady } from '../store/branches.ts';
import { giveUpRestore, swingBranch } from '../store/restore-branch.ts';
import { isBeingMade, placeTimeline, setTimelineOrigin } from '../store/timelines.ts';
import { defineAction, done } from './action.ts';
import type { StepContext } from './action.ts';
import { callContext, loadBranchHost, putEndpoints } from './branch-host.ts';
import { createSnapshot } from './create-snapshot.ts';
import { maskingSteps } from './mask-timeline.ts';
import { putBesidePresent } from './put-timeline.ts';
import { changeContent } from './read-content.ts';

/*
 * Makes a timeline.
 *
 * For a new branch: the data, then the host is told which endpoints serve it. What the host left to
 * the first launch is opened before: a branch is ready when its content is known.
 * For a restore, an operation that names a timeline: the data beside the present timeline, opened
 * beside it as well; then the branch swings to it, in one transaction; then the host is told, and what
 * still runs on the former timeline ends. Until the swing nothing was changed that giving up would not
 * undo.
 * For an anonymized branch, an operation that names a masked timeline: as mask-timeline.ts says.
 * For a snapshot: the data, and no endpoints.
 */

const HOST_PATIENCE_MS = 10_000;
/** How often it is looked whether the timeline is there that this one is made of. */
const SOURCE_PATIENCE_MS = 100;

export const createTimeline = defineAction(
  'provision',
  {
    async provision(context) {
      const { snapshot_id: snapshotId } = context.operation;
      if (snapshotId) return createSnapshot(context, snapshotId);
      const { loaded, host } = await loadBranchHost(context);
      if (!host) return { kind: 'next', step: 'place' };
      if (await isSourceMissing(loaded, context)) {
        return { kind: 'waitFor', what: 'its source', delayMs: SOURCE_PATIENCE_MS };
      }
      if (loaded.timeline.source.kind === 'masked') return { kind: 'next', step: 'close' };
      const opensAtOnce = endpointToOpen(loaded) !== undefined;
      const { origin } = await putBesidePresent(host, { ...loaded, opensAtOnce }, context);
      if (origin) await setTimelineOrigin(context.db, loaded.timeline.id, origin);
      if (opensAtOnce && !origin) return { kind: 'next', step: 'launch' };
      return { kind: 'next', step: context.operation.timeline_id ? 'swing' : 'announce' };
    },

    async place(context) {
      const { loaded } = await loadBranchHost(context);
      const isPlaced = await placeTimeline(context.db, loaded.timeline.id, loaded.project);
      if (isPlaced) return { kind: 'next', step: 'provision' };
      return { kind: 'waitFor', what: 'a host in the region', delayMs: HOST_PATIENCE_MS };
    },

    async launch(context) {
      const { loaded, host } = await loadBranchHost(context);
      if (!host) return { kind: 'next', step: 'place' };
      await openAtOnce(host, loaded, context);
      const { origin } = await putBesidePresent(host, loaded, context);
      if (origin) await setTimelineOrigin(context.db, loaded.timeline.id, origin);
      return { kind: 'next', step: context.operation.timeline_id ? 'swing' : 'announce' };
    },

    async swing({ db, operation }) {
      const isSwung = await swingBranch(db, operation);
      if (isSwung) return { kind: 'next', step: 'announce' };
      return { kind: 'abort', reason: 'the restore was given up' };
    },

    async announce(context) {
      const { loaded, host } = await loadBranchHost(context);
      if (!host) return { kind: 'next', step: 'place' };
      // A copy has what its source had at that point, whatever there is by now.
      if (isCopy(loaded)) await changeContent(host, loaded, { ...context, changes: [] });
      await putEndpoints(host, loaded, context);
      await setBranchReady(context.db, loaded.branch.id);
      return done;
    },

    ...maskingSteps,
  },
  async (context, reason) => {
    const { db, operation } = context;
    if (!operation.timeline_id || operation.snapshot_id) return;
    const { loaded } = await loadBranchHost(context);
    if (loaded.timeline.source.kind === 'masked') await failMasking(db, operation, reason);
    else await giveUpRestore(db, operation);
  },
);

/**
 * The endpoint that a timeline is opened with. The host recovers the copy in that launch, which is the
 * shortest way to its first client.
 */
function endpointToOpen({
  endpoints,
  isUnmasked,
  timeline: { source },
}: BranchOnHost): EndpointOnHost | undefined {
  if (source.kind !== 'timeline' || isUnmasked) return undefined;
  return endpoints.find(
    ({ type, is_disabled: isDisabled, deleted_at: deletedAt }) =>
      type === 'read_write' && !isDisabled && deletedAt === null,
  );
}

/**
 * Opens a new branch, or what a restored one is about to go over to. One that cannot be opened is there
 * all the same, if it can be recovered.
 */
async function openAtOnce(
  host: HostClient,
  loaded: BranchOnHost,
  context: StepContext,
): Promise<void> {
  const endpoint = endpointToOpen(loaded);
  if (!endpoint) return;
  const called = callContext(context);
  const isRestore = Boolean(context.operation.timeline_id);
  if (!isRestore) await putEndpoints(host, loaded, context);
  const opened = isRestore
    ? host.openNext(endpoint.id, loaded.timeline.id, called)
    : host.start(endpoint.id, called);
  await opened.catch((error: unknown) => {
    // The operation that is there to start it says what keeps it from starting.
    if (context.signal.aborted || !(error instanceof PgfleetError)) throw error;
  });
}

function isCopy({ timeline: { source } }: BranchOnHost): boolean {
  return source.kind !== 'template';
}

// Its own operation may be on its way in the queue of another branch.
async function isSourceMissing(
  { project, timeline: { source } }: BranchOnHost,
  { db }: StepContext,
): Promise<boolean> {
  if (source.kind === 'template') return false;
  return isBeingMade(db, { projectId: project.id, timelineId: source.timelineId });
}
