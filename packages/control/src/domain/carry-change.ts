import type { EndpointState } from '@pgfleet/contract';
import { newOperations } from './new-operation.ts';
import type { NewOperation, OperationSubject } from './new-operation.ts';

/**
 * What a change does to a compute that runs: nothing that a client would notice (`live`), a start
 * anew because Postgres takes it over in no other way (`restart`), the same without the start
 * (`suspend`: the next connection wakes it), or an end, whatever goes on (`stop`).
 */
export type Effect = 'live' | 'suspend' | 'restart' | 'stop';

interface ChangedEndpoint {
  readonly current_state: EndpointState;
  readonly pending_state: EndpointState | null;
}

/**
 * The operations that carry a change to the host of an endpoint. A compute that sleeps takes it over
 * when it wakes; one that was just waking is seen to by its host.
 */
export function carryChange(
  subject: OperationSubject,
  endpoint: ChangedEndpoint,
  effect: Effect,
): NewOperation[] {
  const isAwake = endpoint.current_state === 'active' || endpoint.pending_state === 'active';
  if (effect === 'stop') return newOperations(subject, ['apply_config', 'suspend_compute']);
  if (effect === 'live' || !isAwake) return newOperations(subject, ['apply_config']);
  const starts = effect === 'restart' ? (['start_compute'] as const) : [];
  return newOperations(subject, ['apply_config', 'suspend_compute', ...starts]).map((operation) =>
    operation.action === 'suspend_compute' ? { ...operation, step: 'suspendOutdated' } : operation,
  );
}
