import { PgfleetError } from '@pgfleet/contract';
import type { BranchId, CallContext, EndpointStatus, HostClient } from '@pgfleet/contract';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { endpointSpec } from '../domain/endpoint-spec.ts';
import { noteHeard, outbid } from '../store/unheard-endpoints.ts';
import { loadBranchOnHost } from '../store/timelines.ts';
import type { StepContext } from './action.ts';

/** The branch and the timeline of an operation; `host` is null while none was chosen. */
export interface BranchHost {
  readonly loaded: BranchOnHost;
  readonly host: HostClient | null;
}

export async function loadBranchHost(
  { db, operation, connectHost }: StepContext,
  timelineId = operation.timeline_id,
): Promise<BranchHost> {
  const loaded = await loadBranchOnHost(db, operation.branch_id as BranchId, timelineId);
  return { loaded, host: loaded.host ? connectHost(loaded.host.address) : null };
}

/** What the host writes into its log about a call of this operation. */
export function callContext({ operation, signal }: StepContext): CallContext {
  return { operationId: operation.id, signal };
}

/** Whether anything of the branch may run. */
export function isAlive({ branch, project }: BranchOnHost): boolean {
  return branch.deleted_at === null && project.deleted_at === null;
}

/**
 * Sends the current specs of the branch's endpoints to its host. Returns why Postgres refuses settings
 * of one, if it does: all the rest is taken, so nobody but who changes settings has to mind.
 */
export async function putEndpoints(
  host: HostClient,
  loaded: BranchOnHost,
  context: StepContext,
): Promise<PgfleetError | undefined> {
  const living = loaded.endpoints.filter((endpoint) => endpoint.deleted_at === null);
  const specs = living.map((endpoint) => endpointSpec(endpoint, loaded));
  const answers = await Promise.all(
    specs.map((spec) => statusOrRefusal(host.putEndpoint(spec, callContext(context)))),
  );
  await noteHeard(context.db, living);
  const told = new Map(living.map(({ id, generation }) => [id, generation]));
  const statuses = answers.flatMap((answer) => (answer instanceof PgfleetError ? [] : [answer]));
  const ahead = statuses.filter((status) => status.generation > (told.get(status.endpointId) ?? 0));
  await outbid(context.db, ahead);
  return answers.find((answer) => answer instanceof PgfleetError);
}

async function statusOrRefusal(
  put: Promise<EndpointStatus>,
): Promise<EndpointStatus | PgfleetError> {
  try {
    return await put;
  } catch (error) {
    if (error instanceof PgfleetError && error.code === 'invalid_request') return error;
    throw error;
  }
}

/** Lets the host forget endpoints, and stops their computes; without a host nobody knows of them. */
export async function deleteEndpoints(
  host: HostClient | null,
  endpoints: BranchOnHost['endpoints'],
  context: StepContext,
): Promise<void> {
  if (host) {
    await Promise.all(endpoints.map(({ id }) => host.deleteEndpoint(id, callContext(context))));
  }
  await noteHeard(context.db, endpoints);
}

/** Stops the computes of the branch's endpoints; those that the host does not know do not run. */
export async function suspendEndpoints(
  host: HostClient,
  { endpoints }: BranchOnHost,
  context: StepContext,
): Promise<void> {
  const living = endpoints.filter((endpoint) => endpoint.deleted_at === null);
  const calls = living.map(({ id }) => host.suspend(id, callContext(context)));
  await Promise.all(calls.map(ignoringAbsence));
}

/** Takes an endpoint that the host does not know for one that is stopped. */
export async function ignoringAbsence(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
}

/** Whether an error says that the host does not know the endpoint. */
export function isAbsence(error: unknown): boolean {
  return error instanceof PgfleetError && error.code === 'endpoint_not_found';
}
