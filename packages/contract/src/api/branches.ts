import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, ProjectId, SnapshotId } from '../ids.ts';
import { branchStates } from '../states.ts';
import type { BranchState } from '../states.ts';
import { Endpoint } from './endpoints.ts';
import { Operation } from './operations.ts';
import { ConnectionDetails, Database, Role } from './roles.ts';
import { ComputeUnits, EndpointSettings, SuspendTimeoutSeconds } from './settings.ts';
import { Annotation, AnnotationValue, SortedPagination, Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

const branchId = Type.Unsafe<BranchId>(Type.String({ pattern: idPattern }));
const branchName = Type.String({ minLength: 1, maxLength: 256 });
const lsn = Type.String({ maxLength: 32 });
const time = Type.String({ maxLength: 64, description: 'RFC 3339' });

/** Body of `POST /projects/{project_id}/branches`; all of it may be left out. */
export const BranchCreateRequest = Type.Object({
  endpoints: Type.Optional(
    Type.Array(
      Type.Object({
        type: Type.Enum(['read_write', 'read_only']),
        settings: Type.Optional(EndpointSettings),
        autoscaling_limit_min_cu: Type.Optional(ComputeUnits),
        autoscaling_limit_max_cu: Type.Optional(ComputeUnits),
        provisioner: Type.Optional(Type.String({ maxLength: 64 })),
        suspend_timeout_seconds: Type.Optional(SuspendTimeoutSeconds),
      }),
      { maxItems: 10 },
    ),
  ),
  branch: Type.Optional(
    Type.Object({
      /** The default branch when left out or empty. */
      parent_id: Type.Optional(Type.Union([branchId, Type.Literal('')])),
      name: Type.Optional(branchName),
      parent_lsn: Type.Optional(lsn),
      parent_timestamp: Type.Optional(time),
      protected: Type.Optional(Type.Boolean()),
      /** Without effect: a branch that sleeps costs nothing. */
      archived: Type.Optional(Type.Boolean()),
      init_source: Type.Optional(Type.Enum(['parent-data', 'schema-only'])),
      expires_at: Type.Optional(time),
    }),
  ),
  /** Without effect: the command line sends it always, and empty. */
  annotation_value: Type.Optional(AnnotationValue),
});
export type BranchCreateRequest = Static<typeof BranchCreateRequest>;

/** Body of `PATCH /projects/{project_id}/branches/{branch_id}`. */
export const BranchUpdateRequest = Type.Object({
  branch: Type.Object({
    name: Type.Optional(branchName),
    protected: Type.Optional(Type.Boolean()),
    /** Null takes the expiration away. */
    expires_at: Type.Optional(Type.Union([time, Type.Null()])),
  }),
});
export type BranchUpdateRequest = Static<typeof BranchUpdateRequest>;

/** Body of `POST /projects/{project_id}/branches/{branch_id}/restore`. */
export const BranchRestoreRequest = Type.Object({
  source_branch_id: branchId,
  source_lsn: Type.Optional(lsn),
  source_timestamp: Type.Optional(time),
  /** The name of a branch that keeps the state before; empty means that it is not kept. */
  preserve_under_name: Type.Optional(Type.String({ maxLength: 256 })),
});
export type BranchRestoreRequest = Static<typeof BranchRestoreRequest>;

/** Query of `DELETE /projects/{project_id}/branches/{branch_id}`. */
export const BranchDeleteQuery = Type.Object({
  /** Without the days in which the branch can be recovered. */
  hard_delete: Type.Boolean({ default: false }),
});
export type BranchDeleteQuery = Static<typeof BranchDeleteQuery>;

/** Query of `GET /projects/{project_id}/branches`. */
export const BranchListQuery = Type.Object({
  search: Type.Optional(Type.String({ maxLength: 256 })),
  sort_by: Type.Enum(['updated_at', 'created_at', 'name'], { default: 'updated_at' }),
  sort_order: Type.Enum(['desc', 'asc'], { default: 'desc' }),
  cursor: Type.Optional(Type.String({ maxLength: 2048 })),
  limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 10_000 }),
  /** Whether deleted branches that can be recovered are listed too. */
  include_deleted: Type.Boolean({ default: false }),
});
export type BranchListQuery = Static<typeof BranchListQuery>;

/** Query of `GET /projects/{project_id}/branches/count`. */
export const BranchCountQuery = Type.Object({
  search: Type.Optional(Type.String({ maxLength: 256 })),
});
export type BranchCountQuery = Static<typeof BranchCountQuery>;

/** Whether a branch began with its parent's data, or as a root with the definitions only. */
export type BranchInitSource = 'parent-data' | 'schema-only';

const optionalTimestamp = Type.Optional(Timestamp);

/** A branch as the API shows it. */
export const Branch = Type.Object(
  {
    id: branchId,
    project_id: Type.Unsafe<ProjectId>(Type.String({ pattern: idPattern })),
    parent_id: Type.Optional(branchId),
    parent_lsn: Type.Optional(Type.String()),
    parent_timestamp: optionalTimestamp,
    name: Type.String(),
    current_state: Type.Unsafe<BranchState>(Type.Enum([...branchStates])),
    pending_state: Type.Optional(Type.Unsafe<BranchState>(Type.Enum([...branchStates]))),
    state_changed_at: Timestamp,
    logical_size: Type.Optional(Type.Integer({ description: 'bytes, as last measured' })),
    creation_source: Type.String(),
    primary: Type.Boolean(),
    default: Type.Boolean(),
    protected: Type.Boolean(),
    cpu_used_sec: Type.Integer(),
    compute_time_seconds: Type.Integer(),
    active_time_seconds: Type.Integer(),
    written_data_bytes: Type.Integer(),
    data_transfer_bytes: Type.Integer(),
    created_at: Timestamp,
    updated_at: Timestamp,
    ttl_interval_seconds: Type.Optional(Type.Integer()),
    expires_at: optionalTimestamp,
    last_reset_at: optionalTimestamp,
    created_by: Type.Optional(Type.Object({ name: Type.String(), image: Type.String() })),
    init_source: Type.Unsafe<BranchInitSource>(Type.Enum(['parent-data', 'schema-only'])),
    restore_status: Type.Optional(Type.String()),
    restored_from: Type.Optional(Type.Unsafe<SnapshotId>(Type.String({ pattern: idPattern }))),
    restored_as: Type.Optional(branchId),
    restricted_actions: Type.Optional(
      Type.Array(Type.Object({ name: Type.String(), reason: Type.String() })),
    ),
    recovery: Type.Optional(
      Type.Object(
        {
          deleted_at: Timestamp,
          recoverable_until: Timestamp,
          deletion_method: Type.Enum(['user', 'ttl']),
        },
        { description: 'of a deleted branch' },
      ),
    ),
  },
  { title: 'Branch' },
);
export type Branch = Shown<typeof Branch>;

/** Answer of `POST /projects/{project_id}/branches`. */
export const CreatedBranch = Type.Object({
  branch: Branch,
  endpoints: Type.Array(Endpoint),
  operations: Type.Array(Operation),
  roles: Type.Array(Role),
  databases: Type.Array(Database),
  connection_uris: Type.Optional(
    Type.Array(ConnectionDetails, {
      description: 'for a new endpoint, where the branch has one role and one database',
    }),
  ),
});
export type CreatedBranch = Shown<typeof CreatedBranch>;

/** Answer of calls that change a branch. */
export const BranchOperations = Type.Object({
  branch: Branch,
  operations: Type.Array(Operation),
});
export type BranchOperations = Shown<typeof BranchOperations>;

/** Answer of `POST /projects/{project_id}/branches/{branch_id}/recover`. */
export const RecoveredBranch = Type.Object({ branch: Branch, endpoints: Type.Array(Endpoint) });
export type RecoveredBranch = Shown<typeof RecoveredBranch>;

/** Answer of `GET /projects/{project_id}/branches/{branch_id}`. */
export const OneBranch = Type.Object({
  branch: Branch,
  annotation: Annotation,
});

/** Answer of `GET /projects/{project_id}/branches/count`. */
export const BranchCount = Type.Object({ count: Type.Integer() });

/** Answer of `GET /projects/{project_id}/branches`. */
export const BranchList = Type.Object({
  branches: Type.Array(Branch),
  annotations: Type.Record(Type.String(), Annotation),
  pagination: Type.Optional(SortedPagination),
});
export type BranchList = Shown<typeof BranchList>;
