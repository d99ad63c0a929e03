import type { BranchId, CallContext, HostClient } from '@pgfleet/contract';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { endpointSpec } from '../domain/endpoint-spec.ts';
import { loadBranchOnHost } from '../store/timelines.ts';
import type { StepContext } from './action.ts';

/** The branch of an operation and its host; `host` is null while none was chosen. */
export interface BranchHost {
  readonly loaded: BranchOnHost;
  readonly host: HostClient | null;
}

export async function loadBranchHost({
  db,
  operation,
  connectHost,
}: StepContext): Promise<BranchHost> {
  const loaded = await loadBranchOnHost(db, operation.branch_id as BranchId);
  return { loaded, host: loaded.host ? connectHost(loaded.host.address) : null };
}

/** What the host writes into its log about a call of this operation. */
export function callContext({ operation, signal }: StepContext): CallContext {
  return { operationId: operation.id, signal };
}

/** Sends the current specs of the branch's endpoints to its host. */
export async function putEndpoints(
  host: HostClient,
  loaded: BranchOnHost,
  context: StepContext,
): Promise<void> {
  const specs = loaded.endpoints.map((endpoint) => endpointSpec(endpoint, loaded));
  await Promise.all(specs.map((spec) => host.putEndpoint(spec, callContext(context))));
}
