import type { Operation } from '@pgfleet/contract';
import { timestamp } from '../../domain/timestamps.ts';
import type { OperationRow } from '../../store/schema.ts';

/** What of an operation is known from the moment it is inserted. */
type FreshOperation = Pick<
  OperationRow,
  'id' | 'project_id' | 'branch_id' | 'endpoint_id' | 'action' | 'status' | 'created_at'
>;

/** An operation as the API shows it. */
export function presentOperation(
  operation: FreshOperation & Partial<Omit<OperationRow, 'changes'>>,
): Operation {
  const { failures_count: failures = 0, wake_at: wakeAt } = operation;
  const isWaiting = failures > 0 && wakeAt && !operation.finished_at;
  return {
    id: operation.id,
    project_id: operation.project_id,
    branch_id: operation.branch_id ?? undefined,
    endpoint_id: operation.endpoint_id ?? undefined,
    action: operation.action,
    status: operation.status,
    error: operation.error || undefined,
    failures_count: failures,
    retry_at: isWaiting ? timestamp(wakeAt) : undefined,
    created_at: timestamp(operation.created_at),
    updated_at: timestamp(operation.updated_at ?? operation.created_at),
    total_duration_ms: durationMs(operation),
  };
}

function durationMs({ started_at: start, finished_at: end }: Partial<OperationRow>): number {
  if (!start) return 0;
  return Math.max(0, (end ?? new Date()).getTime() - start.getTime());
}
