import { randomUUID } from 'node:crypto';
import type {
  BranchId,
  ContentChange,
  EndpointId,
  OperationAction,
  OperationId,
  OperationStatus,
  ProjectId,
  SnapshotId,
  TimelineId,
} from '@pgfleet/contract';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * How long an action may take, all its retries and its wait for earlier ones included. What a host has
 * to hear in the end is tried longest: given up, it leaves an orphan, or a tenant's change undone.
 */
const deadlineMs: Readonly<Record<OperationAction, number>> = {
  create_timeline: DAY_MS,
  create_branch: DAY_MS,
  start_compute: DAY_MS,
  suspend_compute: DAY_MS,
  apply_config: 30 * DAY_MS,
  apply_storage_config: 30 * DAY_MS,
  delete_timeline: 30 * DAY_MS,
  swap_binding_id: DAY_MS,
};

/** An operation to be inserted. */
export interface NewOperation {
  readonly id: OperationId;
  readonly project_id: ProjectId;
  readonly branch_id: BranchId;
  readonly endpoint_id: EndpointId | null;
  /** Null where the operation is about the present timeline of its branch. */
  readonly timeline_id: TimelineId | null;
  readonly snapshot_id: SnapshotId | null;
  /** JSON of what it changes of the roles and databases of its branch. */
  readonly changes: string | null;
  readonly action: OperationAction;
  readonly status: OperationStatus;
  /** Where its action begins, unless that is at its first step. */
  readonly step?: string;
  readonly deadline_at: Date;
}

export interface OperationSubject {
  readonly projectId: ProjectId;
  readonly branchId: BranchId;
  readonly endpointId?: EndpointId;
  readonly timelineId?: TimelineId;
  readonly snapshotId?: SnapshotId;
}

/**
 * Makes the operations that perform `actions` in this order. The first is `running` from the start,
 * as the contract shows it: a worker takes it up at once.
 */
export function newOperations(
  subject: OperationSubject,
  actions: readonly OperationAction[],
): NewOperation[] {
  return actions.map((action, index) => planOperation(subject, action, index === 0));
}

/**
 * Makes the operation that changes roles and databases; without a change it only looks. It is taken back
 * when it cannot be made, so it holds up others of its branch no longer than what makes something.
 */
export function contentOperation(
  subject: OperationSubject,
  changes: readonly ContentChange[],
): NewOperation {
  const operation = planOperation(subject, 'apply_config', true);
  const deadline = new Date(Date.now() + DAY_MS);
  return { ...operation, changes: JSON.stringify(changes), deadline_at: deadline };
}

/** Makes operations that start computes, behind others of the same branch. */
export function startOperations(
  subject: OperationSubject,
  endpointIds: readonly EndpointId[],
): NewOperation[] {
  return endpointIds.map((endpointId) =>
    planOperation({ ...subject, endpointId }, 'start_compute', false),
  );
}

function planOperation(
  subject: OperationSubject,
  action: OperationAction,
  isFirst: boolean,
): NewOperation {
  return {
    id: randomUUID() as OperationId,
    project_id: subject.projectId,
    branch_id: subject.branchId,
    endpoint_id: concernsEndpoint(action) ? (subject.endpointId ?? null) : null,
    timeline_id: subject.timelineId ?? null,
    snapshot_id: subject.snapshotId ?? null,
    changes: null,
    action,
    status: isFirst ? 'running' : 'scheduling',
    deadline_at: new Date(Date.now() + deadlineMs[action]),
  };
}

function concernsEndpoint(action: OperationAction): boolean {
  return ['start_compute', 'suspend_compute', 'apply_config'].includes(action);
}
