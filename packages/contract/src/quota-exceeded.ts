import { PgfleetError } from './errors.ts';
import type { ComputeQuota } from './states.ts';

const names: Readonly<Record<ComputeQuota, string>> = {
  active_time_seconds: 'active time',
  compute_time_seconds: 'compute time',
  data_transfer_bytes: 'data transfer',
  written_data_bytes: 'written data',
};

/** The `quota_exceeded` that says which quota of a project is used up, in the contract's words. */
export function quotaExceeded(quota: ComputeQuota): PgfleetError {
  return new PgfleetError('quota_exceeded', {
    message:
      `Your account or project has exceeded the ${names[quota]} quota. ` +
      'Upgrade your plan to increase limits.',
  });
}
