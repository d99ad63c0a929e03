import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, EndpointId, ProjectId } from '../ids.ts';
import { endpointStates } from '../states.ts';
import type { EndpointState } from '../states.ts';
import { Operation } from './operations.ts';
import { ComputeUnits, EndpointSettings, SuspendTimeoutSeconds } from './settings.ts';
import { Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

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
export const Endpoint = Type.Object(
  {
    host: Type.String({
      description: 'the canonical host, whether or not the name resolves where control runs',
    }),
    id: Type.Unsafe<EndpointId>(Type.String({ pattern: idPattern })),
    name: Type.Optional(Type.String()),
    project_id: Type.Unsafe<ProjectId>(Type.String({ pattern: idPattern })),
    branch_id: Type.Unsafe<BranchId>(Type.String({ pattern: idPattern })),
    autoscaling_limit_min_cu: ComputeUnits,
    autoscaling_limit_max_cu: ComputeUnits,
    region_id: Type.String(),
    type: Type.Unsafe<EndpointType>(Type.Enum(['read_write', 'read_only'])),
    current_state: Type.Unsafe<EndpointState>(Type.Enum([...endpointStates])),
    pending_state: Type.Optional(Type.Unsafe<EndpointState>(Type.Enum([...endpointStates]))),
    settings: EndpointSettings,
    pooler_enabled: Type.Boolean(),
    pooler_mode: Type.Enum(['transaction']),
    disabled: Type.Boolean(),
    passwordless_access: Type.Boolean(),
    last_active: Type.Optional(Timestamp),
    creation_source: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
    started_at: Type.Optional(Timestamp),
    suspended_at: Type.Optional(Timestamp),
    proxy_host: Type.String(),
    suspend_timeout_seconds: SuspendTimeoutSeconds,
    provisioner: Type.String(),
  },
  { title: 'Endpoint' },
);
export type Endpoint = Shown<typeof Endpoint>;

/** Answers of the calls that show endpoints. */
export const OneEndpoint = Type.Object({ endpoint: Endpoint });
export const EndpointList = Type.Object({ endpoints: Type.Array(Endpoint) });
export type EndpointList = Shown<typeof EndpointList>;

/** Answer of calls that change an endpoint. */
export const EndpointOperations = Type.Object({
  endpoint: Endpoint,
  operations: Type.Array(Operation),
});
