import type {
  BackupScheduleItem,
  BranchId,
  BranchState,
  ComputeQuota,
  ContentChange,
  DefaultEndpointSettings,
  EndpointId,
  EndpointSettings,
  EndpointState,
  EndpointType,
  HostId,
  HostInfo,
  LostWindow,
  MemberRole,
  OperationAction,
  OperationId,
  OperationStatus,
  OrganizationId,
  MaskingRule,
  ProjectId,
  ProjectSettings,
  SnapshotId,
  TimelineId,
  TimelineSource,
  UserId,
  VerifyReport,
} from '@pgfleet/contract';
import type { ColumnType, Generated, GeneratedAlways, Insertable, Selectable } from 'kysely';

/* The tables of the control database, as `migrations/*.sql` create them. */

type Timestamps = {
  readonly created_at: Generated<Date>;
  readonly updated_at: Generated<Date>;
};

interface OrganizationsTable extends Timestamps {
  readonly id: OrganizationId;
  readonly name: string;
  readonly spending_limit_cents: number | null;
}

interface OrganizationInvitationsTable {
  readonly id: Generated<string>;
  readonly organization_id: OrganizationId;
  readonly email: string;
  readonly role: MemberRole;
  readonly invited_by: UserId;
  readonly invited_at: Generated<Date>;
  readonly accepted_at: Date | null;
}

interface UsersTable {
  readonly id: UserId;
  readonly name: string;
  readonly email: string;
  readonly is_operator: Generated<boolean>;
  readonly created_at: Generated<Date>;
}

interface OrganizationMembersTable {
  readonly id: Generated<string>;
  readonly user_id: UserId;
  readonly organization_id: OrganizationId;
  readonly role: MemberRole;
  readonly joined_at: Generated<Date>;
}

interface ApiKeysTable {
  readonly id: Generated<number>;
  readonly user_id: UserId;
  readonly organization_id: OrganizationId | null;
  readonly project_id: ProjectId | null;
  readonly name: string;
  readonly key_hash: string;
  readonly is_admin: Generated<boolean>;
  readonly created_at: Generated<Date>;
  readonly last_used_at: Date | null;
  readonly last_used_from_addr: Generated<string>;
  readonly revoked_at: Date | null;
}

interface HostsTable {
  readonly id: HostId;
  readonly region_id: string;
  readonly address: string;
  readonly info: HostInfo;
  readonly reported_at: Date;
}

interface ProjectsTable extends Timestamps {
  readonly id: ProjectId;
  readonly organization_id: OrganizationId;
  readonly owner_id: UserId;
  readonly region_id: string;
  readonly name: string;
  readonly pg_major: number;
  readonly provisioner: string;
  readonly store_passwords: boolean;
  readonly history_retention_seconds: number;
  readonly default_endpoint_settings: DefaultEndpointSettings;
  readonly settings: ProjectSettings;
  /** Which quota is used up in this period, as far as control knows. */
  readonly exceeded_quota: ComputeQuota | null;
  /** When that period is over; null while no quota is used up. */
  readonly exceeded_until: Date | null;
  readonly deleted_at: Date | null;
  readonly purge_at: Date | null;
  /** Its name and id in lower case. */
  readonly search_text: GeneratedAlways<string>;
}

interface ProjectPermissionsTable {
  readonly id: Generated<string>;
  readonly project_id: ProjectId;
  readonly email: string;
  readonly granted_by: UserId;
  readonly granted_at: Generated<Date>;
  readonly revoked_at: Date | null;
}

interface ProjectTransferRequestsTable {
  readonly id: Generated<string>;
  readonly project_id: ProjectId;
  readonly organization_id: OrganizationId;
  readonly created_by: UserId;
  readonly created_at: Generated<Date>;
  readonly expires_at: Date;
  readonly accepted_at: Date | null;
}

interface ProjectJwksTable extends Timestamps {
  readonly id: Generated<string>;
  readonly project_id: ProjectId;
  readonly branch_id: BranchId | null;
  readonly jwks_url: string;
  readonly provider_name: string;
  readonly jwt_audience: string | null;
  readonly role_names: ColumnType<readonly string[] | null, string | null, never>;
}

interface TimelinesTable {
  readonly id: TimelineId;
  readonly project_id: ProjectId;
  readonly host_id: HostId | null;
  readonly source: Generated<TimelineSource>;
  readonly origin_lsn: string | null;
  readonly origin_at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  readonly oldest_at: Date | null;
  readonly oldest_lsn: string | null;
  readonly head_lsn: string | null;
  readonly logical_bytes: number | null;
  readonly data_bytes: number | null;
  readonly wal_bytes: number | null;
  readonly lost: Generated<readonly LostWindow[]>;
  readonly created_at: Generated<Date>;
  readonly deleted_at: Date | null;
}

interface BranchesTable extends Timestamps {
  readonly id: BranchId;
  readonly project_id: ProjectId;
  readonly timeline_id: TimelineId;
  readonly parent_id: BranchId | null;
  readonly parent_lsn: string | null;
  readonly parent_timestamp: ColumnType<Date | null, Date | string | null, Date | string | null>;
  readonly name: string;
  readonly is_default: boolean;
  readonly is_protected: Generated<boolean>;
  readonly current_state: Generated<BranchState>;
  readonly pending_state: BranchState | null;
  readonly state_changed_at: Generated<Date>;
  readonly created_by: UserId;
  readonly init_source: Generated<'parent-data' | 'schema-only'>;
  readonly expires_at: Date | null;
  readonly ttl_interval_seconds: number | null;
  readonly last_reset_at: Date | null;
  readonly deleted_at: Date | null;
  readonly purge_at: Date | null;
  readonly deleted_by: UserId | null;
  readonly restored_from: SnapshotId | null;
  readonly restored_as: BranchId | null;
  readonly restore_status: 'restored' | 'finalized' | null;
  readonly is_anonymized: Generated<boolean>;
}

interface AnonymizationsTable extends Timestamps {
  readonly branch_id: BranchId;
  readonly rules: ColumnType<readonly MaskingRule[], string, string>;
  readonly state: Generated<'initialized' | 'anonymizing' | 'anonymized' | 'error'>;
  readonly status_message: string | null;
  /** Whether anybody may see the data. */
  readonly is_open: Generated<boolean>;
  readonly masked_at: Date | null;
  readonly failed_at: Date | null;
  readonly started_at: Date | null;
  readonly completed_at: Date | null;
  readonly started_by: UserId | null;
  readonly masked_columns: number | null;
}

interface SnapshotsTable extends Timestamps {
  readonly id: SnapshotId;
  readonly project_id: ProjectId;
  readonly source_branch_id: BranchId;
  readonly timeline_id: TimelineId;
  readonly name: string;
  readonly lsn: string | null;
  /** When its content was the present; a time in text keeps the microseconds. */
  readonly at: ColumnType<Date | null, Date | string | null, Date | string | null>;
  readonly is_manual: boolean;
  readonly full_size: number | null;
  readonly state: Generated<'init' | 'ready'>;
  readonly expires_at: Date | null;
  readonly created_by: UserId | null;
  readonly deleted_at: Date | null;
}

interface BackupSchedulesTable {
  readonly branch_id: BranchId;
  readonly schedule: readonly BackupScheduleItem[];
  readonly next_at: Date | null;
  readonly updated_at: Generated<Date>;
}

/** What the host reports, or, where not even the restore worked, only why. */
export type DrillReport = VerifyReport | (Partial<VerifyReport> & Pick<VerifyReport, 'problems'>);

interface RestoreDrillsTable {
  readonly id: Generated<number>;
  readonly project_id: ProjectId;
  readonly branch_id: BranchId;
  readonly report: DrillReport;
  readonly is_good: boolean;
  readonly at: Generated<Date>;
}

interface DrillTurnsTable {
  readonly project_id: ProjectId;
  readonly next_at: Generated<Date>;
  readonly drilled_at: Date | null;
}

interface EndpointsTable extends Timestamps {
  readonly id: EndpointId;
  readonly project_id: ProjectId;
  readonly branch_id: BranchId;
  readonly type: EndpointType;
  readonly name: string | null;
  readonly min_cu: number;
  readonly max_cu: number;
  readonly suspend_timeout_seconds: number;
  readonly settings: EndpointSettings;
  readonly is_disabled: Generated<boolean>;
  readonly pooler_enabled: Generated<boolean>;
  readonly passwordless_access: Generated<boolean>;
  readonly provisioner: string;
  readonly generation: Generated<number>;
  readonly is_heard: Generated<boolean>;
  readonly current_state: Generated<EndpointState>;
  readonly pending_state: EndpointState | null;
  readonly last_active: Date | null;
  readonly started_at: Date | null;
  readonly suspended_at: Date | null;
  readonly active_seconds: Generated<number>;
  readonly bytes_out: Generated<number>;
  readonly written_bytes: Generated<number>;
  readonly deleted_at: Date | null;
}

interface RolesTable extends Timestamps {
  readonly branch_id: BranchId;
  readonly name: string;
  /** Null without a password. */
  readonly verifier: string | null;
  readonly sealed_password: string | null;
  readonly can_login: Generated<boolean>;
  readonly is_protected: Generated<boolean>;
}

interface DatabasesTable extends Timestamps {
  readonly id: Generated<number>;
  readonly branch_id: BranchId;
  readonly name: string;
  readonly owner_name: string;
}

interface OperationsTable extends Timestamps {
  readonly id: OperationId;
  readonly sequence: Generated<number>;
  readonly project_id: ProjectId;
  readonly branch_id: BranchId | null;
  readonly endpoint_id: EndpointId | null;
  /** What is made or deleted, where it is not the present timeline of the branch. */
  readonly timeline_id: TimelineId | null;
  readonly snapshot_id: SnapshotId | null;
  /** Of the roles and databases of the branch; none at all where it is about something else. */
  readonly changes: ColumnType<readonly ContentChange[] | null, string | null, never>;
  readonly action: OperationAction;
  readonly status: OperationStatus;
  readonly step: string | null;
  readonly failures_count: Generated<number>;
  readonly error: string | null;
  readonly wake_at: Generated<Date>;
  readonly wakes: Generated<number>;
  readonly deadline_at: Date;
  readonly lease_owner: string | null;
  readonly lease_until: Date | null;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

interface IdempotencyKeysTable {
  readonly subject: string;
  readonly key: string;
  readonly request_hash: string;
  readonly status: number | null;
  readonly sealed_answer: string | null;
  readonly etag: string | null;
  readonly created_at: Generated<Date>;
}

interface AuditLogTable {
  readonly sequence: Generated<number>;
  readonly at: Generated<Date>;
  readonly user_id: UserId;
  readonly api_key_id: number;
  readonly request_id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly remote_addr: string;
  readonly hash: Generated<Buffer>;
}

export interface Schema {
  readonly organizations: OrganizationsTable;
  readonly users: UsersTable;
  readonly organization_members: OrganizationMembersTable;
  readonly organization_invitations: OrganizationInvitationsTable;
  readonly api_keys: ApiKeysTable;
  readonly hosts: HostsTable;
  readonly projects: ProjectsTable;
  readonly project_permissions: ProjectPermissionsTable;
  readonly project_transfer_requests: ProjectTransferRequestsTable;
  readonly project_jwks: ProjectJwksTable;
  readonly timelines: TimelinesTable;
  readonly branches: BranchesTable;
  readonly anonymizations: AnonymizationsTable;
  readonly endpoints: EndpointsTable;
  readonly snapshots: SnapshotsTable;
  readonly backup_schedules: BackupSchedulesTable;
  readonly restore_drills: RestoreDrillsTable;
  readonly drill_turns: DrillTurnsTable;
  readonly roles: RolesTable;
  readonly databases: DatabasesTable;
  readonly operations: OperationsTable;
  readonly idempotency_keys: IdempotencyKeysTable;
  readonly audit_log: AuditLogTable;
  readonly audit_log_breaks: { readonly sequence: number };
}

export type OrganizationRow = Selectable<OrganizationsTable>;
export type MemberRow = Selectable<OrganizationMembersTable>;
export type InvitationRow = Selectable<OrganizationInvitationsTable>;
export type UserRow = Selectable<UsersTable>;
export type ApiKeyRow = Selectable<ApiKeysTable>;
export type ProjectRow = Omit<Selectable<ProjectsTable>, 'search_text'>;
export type PermissionRow = Selectable<ProjectPermissionsTable>;
export type TransferRequestRow = Selectable<ProjectTransferRequestsTable>;
export type JwksRow = Selectable<ProjectJwksTable>;
export type BranchRow = Selectable<BranchesTable>;
export type AnonymizationRow = Selectable<AnonymizationsTable>;
export type EndpointRow = Selectable<EndpointsTable>;
export type SnapshotRow = Selectable<SnapshotsTable>;
export type RestoreDrillRow = Selectable<RestoreDrillsTable>;
export type RoleRow = Selectable<RolesTable>;
export type DatabaseRow = Selectable<DatabasesTable>;
export type OperationRow = Selectable<OperationsTable>;
export type AuditEntry = Insertable<AuditLogTable>;
