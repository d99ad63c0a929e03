/** States of a branch, as the contract names them. */
export const branchStates = ['init', 'resetting', 'ready', 'archived'] as const;
export type BranchState = (typeof branchStates)[number];

/** States of an endpoint, as the contract names them. */
export const endpointStates = ['init', 'active', 'idle'] as const;
export type EndpointState = (typeof endpointStates)[number];

/** States of an operation, as the contract names them. */
export const operationStatuses = [
  'scheduling',
  'running',
  'finished',
  'failed',
  'error',
  'cancelling',
  'cancelled',
  'skipped',
] as const;
export type OperationStatus = (typeof operationStatuses)[number];

/** Statuses that an operation never leaves. */
export const terminalOperationStatuses = ['finished', 'skipped', 'cancelled'] as const;

/** The operations that pgfleet performs, named as the contract names them. */
export const operationActions = [
  'create_timeline',
  'create_branch',
  'start_compute',
  'suspend_compute',
  'apply_config',
  'apply_storage_config',
  'delete_timeline',
  'swap_binding_id',
] as const;
export type OperationAction = (typeof operationActions)[number];

/** The quotas of a project that its computes must not run beyond. */
export const computeQuotas = [
  'active_time_seconds',
  'compute_time_seconds',
  'data_transfer_bytes',
  'written_data_bytes',
] as const;
export type ComputeQuota = (typeof computeQuotas)[number];

/** States of a compute on its host. */
export const computeStates = ['idle', 'starting', 'active', 'suspending'] as const;
export type ComputeState = (typeof computeStates)[number];

/** Postgres major versions that the contract knows, the default first. */
export const postgresMajors = [17, 14, 15, 16, 18] as const;
export type PostgresMajor = (typeof postgresMajors)[number];
export const defaultPostgresMajor: PostgresMajor = 17;
