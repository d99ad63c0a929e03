import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, EndpointId, OperationId, ProjectId } from '../ids.ts';
import { operationActions, operationStatuses } from '../states.ts';
import type { OperationAction, OperationStatus } from '../states.ts';
import { CursorPagination, Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

/** Query of `GET /projects/{project_id}/operations`. */
export const OperationListQuery = Type.Object({
  /** `created_at` of the last item of the page before, with microseconds; empty for the first page. */
  cursor: Type.Optional(
    Type.String({ pattern: '^(\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?Z)?$' }),
  ),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 1000 }),
});
export type OperationListQuery = Static<typeof OperationListQuery>;

/** An operation as the API shows it. */
export const Operation = Type.Object(
  {
    id: Type.Unsafe<OperationId>(Type.String({ format: 'uuid' })),
    project_id: Type.Unsafe<ProjectId>(Type.String({ pattern: idPattern })),
    branch_id: Type.Optional(Type.Unsafe<BranchId>(Type.String({ pattern: idPattern }))),
    endpoint_id: Type.Optional(Type.Unsafe<EndpointId>(Type.String({ pattern: idPattern }))),
    action: Type.Unsafe<OperationAction>(Type.Enum([...operationActions])),
    status: Type.Unsafe<OperationStatus>(Type.Enum([...operationStatuses])),
    error: Type.Optional(Type.String()),
    failures_count: Type.Integer(),
    retry_at: Type.Optional(Timestamp),
    created_at: Timestamp,
    updated_at: Timestamp,
    total_duration_ms: Type.Integer(),
  },
  { title: 'Operation' },
);
export type Operation = Shown<typeof Operation>;

/** Answer of `GET /projects/{project_id}/operations/{operation_id}`. */
export const OneOperation = Type.Object({ operation: Operation });

/** Answer of calls that only start operations. */
export const StartedOperations = Type.Object({ operations: Type.Array(Operation) });

/** Answer of `GET /projects/{project_id}/operations`, newest first. */
export const OperationList = Type.Object({
  operations: Type.Array(Operation),
  pagination: Type.Optional(CursorPagination),
});
export type OperationList = Shown<typeof OperationList>;
