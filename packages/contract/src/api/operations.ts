import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { BranchId, EndpointId, OperationId, ProjectId } from '../ids.ts';
import type { OperationAction, OperationStatus } from '../states.ts';

/** Query of `GET /projects/{project_id}/operations`. */
export const OperationListQuery = Type.Object({
  /** `created_at` of the last item of the page before, with microseconds. */
  cursor: Type.Optional(
    Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?Z$' }),
  ),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 1000 }),
});
export type OperationListQuery = Static<typeof OperationListQuery>;

/** An operation as the API shows it. */
export interface Operation {
  readonly id: OperationId;
  readonly project_id: ProjectId;
  readonly branch_id?: BranchId;
  readonly endpoint_id?: EndpointId;
  readonly action: OperationAction;
  readonly status: OperationStatus;
  readonly error?: string;
  readonly failures_count: number;
  readonly retry_at?: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly total_duration_ms: number;
}

/** Answer of `GET /projects/{project_id}/operations`, newest first. */
export interface OperationList {
  readonly operations: readonly Operation[];
  readonly pagination?: { readonly cursor: string };
}
