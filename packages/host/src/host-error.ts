import { ComputeError } from '@pgfleet/compute';
import type { ComputeErrorCode } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { ErrorCode } from '@pgfleet/contract';
import { hasErrorCode, TimeoutError } from '@pgfleet/kit';
import { VolumeError } from '@pgfleet/volume';

// SQLSTATE of class 53, insufficient resources.
const POSTGRES_DISK_FULL = '53100';

const computeCodes = {
  installation_missing: 'postgres_version_missing',
  installation_unusable: 'postgres_version_missing',
  sandbox_unavailable: 'compute_start_failed',
  timeline_locked: 'timeline_locked',
  initdb_failed: 'internal',
  instance_start_failed: 'compute_start_failed',
  instance_start_timeout: 'compute_start_timeout',
  instance_stop_timeout: 'timeline_locked',
  socket_path_too_long: 'compute_start_failed',
  admin_login_failed: 'compute_start_failed',
  data_directory_damaged: 'history_damaged',
  recovery_failed: 'history_damaged',
  change_refused: 'change_refused',
  masking_refused: 'masking_refused',
  settings_refused: 'invalid_request',
  analysis_too_slow: 'analysis_too_slow',
  pg_dump_missing: 'pg_dump_missing',
  schema_dump_failed: 'internal',
  schema_restore_failed: 'internal',
} as const satisfies Partial<Record<ComputeErrorCode, ErrorCode>>;

/** Translates what computes, volumes and the system throw into the catalogue's errors. */
export function toHostError(error: unknown, otherwise: ErrorCode = 'internal'): PgfleetError {
  if (error instanceof PgfleetError) return error;
  return new PgfleetError(codeOf(error) ?? otherwise, { ...publicMessage(error), cause: error });
}

// Only Postgres knows why it says no to what a tenant wants.
function publicMessage(error: unknown): { readonly message?: string } {
  const isRefusal =
    error instanceof ComputeError &&
    ['change_refused', 'masking_refused', 'settings_refused'].includes(error.code);
  return isRefusal ? { message: error.message } : {};
}

function codeOf(error: unknown): ErrorCode | undefined {
  if (isDiskFull(error)) return 'disk_full';
  if (error instanceof ComputeError) return computeCodes[error.code];
  if (error instanceof TimeoutError) return 'compute_start_timeout';
  return undefined;
}

function isDiskFull(error: unknown): boolean {
  if (error instanceof VolumeError && error.code === 'no_space') return true;
  if (hasErrorCode(error, 'ENOSPC', 'EDQUOT', POSTGRES_DISK_FULL)) return true;
  return error instanceof Error && error.cause !== undefined && isDiskFull(error.cause);
}
