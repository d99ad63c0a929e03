import type { EndpointId, ErrorCode, HostClient, StartResponse } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { setReachedState } from '../store/endpoints.ts';
import { defineAction, done } from './action.ts';
import type { Outcome, StepContext } from './action.ts';
import {
  callContext,
  deleteEndpoints,
  ignoringAbsence,
  isAbsence,
  isAlive,
  loadBranchHost,
  putEndpoints,
} from './branch-host.ts';
import type { BranchHost } from './branch-host.ts';
import { renewTimeline } from './put-timeline.ts';
import { changeContent, forgetChange } from './read-content.ts';

const notReady = {
  kind: 'abort',
  reason: 'the branch has no data: it could not be created',
} as const;

/**
 * A compute that does not start after this many attempts needs a change, of its settings for
 * example, and the operation that brings the change waits behind this one. The next connection
 * tries again in any case.
 */
const MAX_START_FAILURES = 5;

/** Starts the compute of an endpoint. */
export const startCompute = defineAction('start', {
  async start(context) {
    const { loaded, host } = await loadBranchHost(context);
    if (!host || loaded.branch.current_state === 'init') return notReady;
    const id = endpointOf(context);
    // It starts when the data is masked.
    if (loaded.isUnmasked) {
      await setReachedState(context.db, id, 'idle');
      return done;
    }
    let refusal: string | undefined;
    try {
      ({ refusal } = await startKnown(id, { loaded, host }, context));
    } catch (error) {
      if (isStartFailure(error) && context.operation.failures_count + 1 >= MAX_START_FAILURES) {
        return { kind: 'abort', reason: error.message };
      }
      throw error;
    }
    await setReachedState(context.db, id, 'active');
    // It runs, but not as it was to.
    if (refusal !== undefined) throw new PgfleetError('invalid_request', { message: refusal });
    return done;
  },
});

/** Stops the compute of an endpoint; nothing to do where there is none. */
export const suspendCompute = defineAction('suspend', {
  async suspend(context) {
    const { host } = await loadBranchHost(context);
    const id = endpointOf(context);
    if (host) await ignoringAbsence(host.suspend(id, callContext(context)));
    await setReachedState(context.db, id, 'idle');
    return done;
  },

  /** Only one that has to start again for its settings; one that has just done so goes on. */
  async suspendOutdated(context) {
    const { host } = await loadBranchHost(context);
    const suspend = { ...callContext(context), onlyOutdated: true };
    if (host) await ignoringAbsence(host.suspend(endpointOf(context), suspend));
    return done;
  },
});

/**
 * Brings the host up to date with the rows: the endpoints of a branch that lives, none of one that
 * was deleted; or, for an operation that names a timeline, whose present timeline it is and how long
 * its history is kept; or the roles and databases of the branch.
 */
export const applyConfig = defineAction('apply', { apply }, async (context) => {
  if (context.operation.changes) await forgetChange(context);
});

/** Tells the host how long the history of a timeline is kept. */
export const applyStorageConfig = defineAction('apply', { apply });

async function apply(context: StepContext): Promise<Outcome<'apply'>> {
  const { loaded, host } = await loadBranchHost(context, null);
  const { timeline_id: timelineId, endpoint_id: endpointId, changes } = context.operation;
  const isLiving = isAlive(loaded);
  // Its host was never told of what is to be taken away, or there is none.
  if (!host && !isLiving) {
    await deleteEndpoints(null, loaded.endpoints, context);
    return done;
  }
  if (!host || (loaded.branch.current_state === 'init' && !timelineId && isLiving)) {
    return notReady;
  }
  if (timelineId) {
    await renewTimeline(host, loaded, context);
  } else if (changes) {
    if (isLiving) await changeContent(host, loaded, { ...context, changes });
  } else if (isLiving) {
    const refusal = await putEndpoints(host, loaded, context);
    const dead = loaded.endpoints.filter(({ id, deleted_at }) => deleted_at && id === endpointId);
    await deleteEndpoints(host, dead, context);
    if (refusal) throw refusal;
  } else {
    await deleteEndpoints(host, loaded.endpoints, context);
  }
  return done;
}

// A host that does not know the endpoint (it may have been restored from an old disk) is told.
async function startKnown(
  id: EndpointId,
  { loaded, host }: BranchHost & { readonly host: HostClient },
  context: StepContext,
): Promise<StartResponse> {
  try {
    return await host.start(id, callContext(context));
  } catch (error) {
    if (!isAbsence(error)) throw error;
    await putEndpoints(host, loaded, context);
    return host.start(id, callContext(context));
  }
}

function isStartFailure(error: unknown): error is PgfleetError {
  return error instanceof PgfleetError && startFailures.has(error.code);
}

const startFailures: ReadonlySet<ErrorCode> = new Set([
  'compute_start_failed',
  'compute_start_timeout',
  'disk_full',
]);

function endpointOf({ operation }: StepContext): EndpointId {
  if (!operation.endpoint_id) throw new Error(`operation ${operation.id} names no endpoint`);
  return operation.endpoint_id;
}
