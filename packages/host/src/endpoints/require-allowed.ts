import { PgfleetError, quotaExceeded } from '@pgfleet/contract';
import type { EndpointSpec } from '@pgfleet/contract';

type Permission = Pick<EndpointSpec, 'disabled' | 'unmasked' | 'exceededQuota'>;

/** Whether the compute of an endpoint may run. */
export function isAllowed({ disabled, unmasked, exceededQuota }: Permission): boolean {
  return !disabled && !unmasked && !exceededQuota;
}

/** @throws PgfleetError `endpoint_disabled`, `branch_unmasked`, `quota_exceeded`. */
export function requireAllowed({ disabled, unmasked, exceededQuota }: Permission): void {
  if (disabled) throw new PgfleetError('endpoint_disabled');
  if (unmasked) throw new PgfleetError('branch_unmasked');
  if (exceededQuota) throw quotaExceeded(exceededQuota);
}
