import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, ProjectId, SnapshotId } from '../ids.ts';
import type { BranchState } from '../states.ts';
import type { Endpoint } from './endpoints.ts';
import type { Operation } from './operations.ts';
import type { ConnectionDetails, Database, Role } from './roles.ts';
import { ComputeUnits, EndpointSettings, SuspendTimeoutSeconds } from './settings.ts';

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
      init_source: Type.Optional(Type.Enum(['parent-data', 'schema-only'])),
      expires_at: Type.Optional(time),
    }),
  ),
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

/** A branch as the API shows it. */
export interface Branch {
  readonly id: BranchId;
  readonly project_id: ProjectId;
  readonly parent_id?: BranchId;
  readonly parent_lsn?: string;
  readonly parent_timestamp?: string;
  readonly name: string;
  readonly current_state: BranchState;
  readonly pending_state?: BranchState;
  readonly state_changed_at: string;
  /** Bytes, as last measured. */
  readonly logical_size?: number;
  readonly creation_source: string;
  readonly primary: boolean;
  readonly default: boolean;
  readonly protected: boolean;
  readonly cpu_used_sec: number;
  readonly compute_time_seconds: number;
  readonly active_time_seconds: number;
  readonly written_data_bytes: number;
  readonly data_transfer_bytes: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly ttl_interval_seconds?: number;
  readonly expires_at?: string;
  readonly last_reset_at?: string;
  readonly created_by?: { readonly name: string; readonly image: string };
  readonly init_source: BranchInitSource;
  readonly restore_status?: string;
  readonly restored_from?: SnapshotId;
  readonly restored_as?: BranchId;
  readonly restricted_actions?: readonly { readonly name: string; readonly reason: string }[];
  /** Of a deleted branch. */
  readonly recovery?: {
    readonly deleted_at: string;
    readonly recoverable_until: string;
    readonly deletion_method: 'user' | 'ttl';
  };
}

/** Whether a branch began with its parent's data, or as a root with the definitions only. */
export type BranchInitSource = 'parent-data' | 'schema-only';

/** Answer of `POST /projects/{project_id}/branches`. */
export interface CreatedBranch {
  readonly branch: Branch;
  readonly endpoints: readonly Endpoint[];
  readonly operations: readonly Operation[];
  readonly roles: readonly Role[];
  readonly databases: readonly Database[];
  /** For a new endpoint, where the branch has one role and one database. */
  readonly connection_uris?: readonly ConnectionDetails[];
}

/** Answer of calls that change a branch. */
export interface BranchOperations {
  readonly branch: Branch;
  readonly operations: readonly Operation[];
}

/** Answer of `POST /projects/{project_id}/branches/{branch_id}/recover`. */
export interface RecoveredBranch {
  readonly branch: Branch;
  readonly endpoints: readonly Endpoint[];
}

/** Answer of `GET /projects/{project_id}/branches`. */
export interface BranchList {
  readonly branches: readonly Branch[];
  readonly annotations: Readonly<Record<string, never>>;
  readonly pagination?: {
    /** Opaque; present on the last page too. */
    readonly next: string;
    readonly sort_by: string;
    readonly sort_order: string;
  };
}
