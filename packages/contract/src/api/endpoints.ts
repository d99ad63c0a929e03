import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, EndpointId, ProjectId } from '../ids.ts';
import type { EndpointState } from '../states.ts';
import { ComputeUnits, EndpointSettings, SuspendTimeoutSeconds } from './settings.ts';

/** Body of `POST /projects/{project_id}/endpoints`. */
export const EndpointCreateRequest = Type.Object({
  endpoint: Type.Object({
    branch_id: Type.Unsafe<BranchId>(Type.String({ pattern: idPattern })),
    type: Type.Enum(['read_write', 'read_only']),
    /** None but the project's is possible. */
    region_id: Type.Optional(Type.String()),
    settings: Type.Optional(EndpointSettings),
    autoscaling_limit_min_cu: Type.Optional(ComputeUnits),
    autoscaling_limit_max_cu: Type.Optional(ComputeUnits),
    provisioner: Type.Optional(Type.String({ maxLength: 64 })),
    pooler_enabled: Type.Optional(Type.Boolean()),
    pooler_mode: Type.Optional(Type.Enum(['transaction'])),
    disabled: Type.Optional(Type.Boolean()),
    passwordless_access: Type.Optional(Type.Boolean()),
    suspend_timeout_seconds: Type.Optional(SuspendTimeoutSeconds),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  }),
});
export type EndpointCreateRequest = Static<typeof EndpointCreateRequest>;

/** Body of `PATCH /projects/{project_id}/endpoints/{endpoint_id}`. */
export const EndpointUpdateRequest = Type.Object({
  endpoint: Type.Object({
    autoscaling_limit_min_cu: Type.Optional(ComputeUnits),
    autoscaling_limit_max_cu: Type.Optional(ComputeUnits),
    provisioner: Type.Optional(Type.String({ maxLength: 64 })),
    settings: Type.Optional(EndpointSettings),
    pooler_enabled: Type.Optional(Type.Boolean()),
    pooler_mode: Type.Optional(Type.Enum(['transaction'])),
    disabled: Type.Optional(Type.Boolean()),
    passwordless_access: Type.Optional(Type.Boolean()),
    suspend_timeout_seconds: Type.Optional(SuspendTimeoutSeconds),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  }),
});
export type EndpointUpdateRequest = Static<typeof EndpointUpdateRequest>;

export type EndpointType = 'read_write' | 'read_only';

/** An endpoint as the API shows it. */
export interface Endpoint {
  /** The canonical host, whether or not the name resolves where control runs. */
  readonly host: string;
  readonly id: EndpointId;
  readonly name?: string;
  readonly project_id: ProjectId;
  readonly branch_id: BranchId;
  readonly autoscaling_limit_min_cu: number;
  readonly autoscaling_limit_max_cu: number;
  readonly region_id: string;
  readonly type: EndpointType;
  readonly current_state: EndpointState;
  readonly pending_state?: EndpointState;
  readonly settings: EndpointSettings;
  readonly pooler_enabled: boolean;
  readonly pooler_mode: 'transaction';
  readonly disabled: boolean;
  readonly passwordless_access: boolean;
  readonly last_active?: string;
  readonly creation_source: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly started_at?: string;
  readonly suspended_at?: string;
  readonly proxy_host: string;
  readonly suspend_timeout_seconds: number;
  readonly provisioner: string;
}
