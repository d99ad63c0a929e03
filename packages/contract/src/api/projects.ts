import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { OrganizationId, ProjectId, UserId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import { defaultPostgresMajor } from '../states.ts';
import { Branch } from './branches.ts';
import { Endpoint } from './endpoints.ts';
import { Operation } from './operations.ts';
import { ConnectionDetails, Database, Role } from './roles.ts';
import { ComputeUnits, DefaultEndpointSettings, ProjectSettings } from './settings.ts';
import { AnnotationValue, CursorPagination, Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

const projectName = Type.String({ minLength: 1, maxLength: 256 });
const historyRetention = Type.Integer({ minimum: 0, maximum: 2_592_000 });

/** Body of `POST /projects`. */
export const ProjectCreateRequest = Type.Object({
  project: Type.Object({
    settings: Type.Optional(ProjectSettings),
    name: Type.Optional(projectName),
    branch: Type.Optional(
      Type.Object({
        name: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
        role_name: Type.Optional(Type.String()),
        database_name: Type.Optional(Type.String()),
        /** Without effect. */
        annotations: Type.Optional(AnnotationValue),
      }),
    ),
    autoscaling_limit_min_cu: Type.Optional(ComputeUnits),
    autoscaling_limit_max_cu: Type.Optional(ComputeUnits),
    provisioner: Type.Optional(Type.String({ maxLength: 64 })),
    region_id: Type.Optional(Type.String()),
    default_endpoint_settings: Type.Optional(DefaultEndpointSettings),
    pg_version: Type.Integer({ minimum: 14, maximum: 18, default: defaultPostgresMajor }),
    store_passwords: Type.Optional(Type.Boolean()),
    history_retention_seconds: Type.Optional(historyRetention),
    org_id: Type.Optional(Type.String({ pattern: idPattern })),
  }),
});
export type ProjectCreateRequest = Static<typeof ProjectCreateRequest>;

/** Body of `PATCH /projects/{project_id}`. */
export const ProjectUpdateRequest = Type.Object({
  project: Type.Object({
    settings: Type.Optional(ProjectSettings),
    name: Type.Optional(projectName),
    default_endpoint_settings: Type.Optional(DefaultEndpointSettings),
    history_retention_seconds: Type.Optional(historyRetention),
  }),
});
export type ProjectUpdateRequest = Static<typeof ProjectUpdateRequest>;

/** Query of `GET /projects/shared`. */
export const SharedProjectListQuery = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 60 })),
  limit: Type.Integer({ minimum: 1, maximum: 400, default: 10 }),
  search: Type.Optional(Type.String({ maxLength: 256 })),
  /** Milliseconds; without effect, since every list is whole. */
  timeout: Type.Optional(Type.Integer({ minimum: 100, maximum: 30_000 })),
});

export type SharedProjectListQuery = Static<typeof SharedProjectListQuery>;

/** Query of `GET /projects`. */
export const ProjectListQuery = Type.Object({
  ...SharedProjectListQuery.properties,
  org_id: Type.Optional(Type.String({ pattern: idPattern })),
  /** Deleted projects that can be recovered, instead of the others. */
  recoverable: Type.Boolean({ default: false }),
});
export type ProjectListQuery = Static<typeof ProjectListQuery>;

/** Query of `DELETE /projects/{project_id}`; `hard_delete` is pgfleet's own. */
export const ProjectDeleteQuery = Type.Object({
  hard_delete: Type.Boolean({ default: false }),
});
export type ProjectDeleteQuery = Static<typeof ProjectDeleteQuery>;

const common = {
  id: Type.Unsafe<ProjectId>(Type.String({ pattern: idPattern })),
  platform_id: Type.String(),
  region_id: Type.String(),
  name: Type.String(),
  provisioner: Type.String(),
  default_endpoint_settings: DefaultEndpointSettings,
  settings: ProjectSettings,
  pg_version: Type.Integer(),
  proxy_host: Type.String(),
  branch_logical_size_limit: Type.Integer({ description: 'MiB' }),
  branch_logical_size_limit_bytes: Type.Integer(),
  store_passwords: Type.Boolean(),
  cpu_used_sec: Type.Integer(),
  creation_source: Type.String(),
  created_at: Timestamp,
  updated_at: Timestamp,
  synthetic_storage_size: Type.Optional(Type.Integer()),
  owner_id: Type.Unsafe<UserId>(Type.String()),
  compute_last_active_at: Type.Optional(Timestamp),
  org_id: Type.Optional(Type.Unsafe<OrganizationId>(Type.String({ pattern: idPattern }))),
};

/** A project as `GET /projects/{project_id}` shows it. */
export const Project = Type.Object(
  {
    ...common,
    data_storage_bytes_hour: Type.Integer(),
    data_transfer_bytes: Type.Integer(),
    written_data_bytes: Type.Integer(),
    compute_time_seconds: Type.Integer(),
    active_time_seconds: Type.Integer(),
    history_retention_seconds: Type.Integer(),
    consumption_period_start: Timestamp,
    consumption_period_end: Timestamp,
    owner: Type.Optional(
      Type.Object({
        email: Type.String({ format: 'email' }),
        name: Type.String(),
        branches_limit: Type.Integer(),
        subscription_type: Type.Enum(['UNKNOWN']),
      }),
    ),
  },
  { title: 'Project' },
);
export type Project = Shown<typeof Project>;

/** A project as lists show it. */
export const ProjectListItem = Type.Object(
  {
    ...common,
    active_time: Type.Integer(),
    quota_reset_at: Timestamp,
    deleted_at: Type.Optional(Timestamp),
    recoverable_until: Type.Optional(Timestamp),
  },
  { title: 'ProjectListItem' },
);
export type ProjectListItem = Shown<typeof ProjectListItem>;

/** Answer of `POST /projects`, in the contract's order of keys. */
export const CreatedProject = Type.Object({
  project: Project,
  connection_uris: Type.Array(ConnectionDetails),
  roles: Type.Array(Role),
  databases: Type.Array(Database),
  operations: Type.Array(Operation),
  branch: Branch,
  endpoints: Type.Array(Endpoint),
});
export type CreatedProject = Shown<typeof CreatedProject>;

/** Answer of `GET` and `DELETE /projects/{project_id}`. */
export const OneProject = Type.Object({ project: Project });

/** Answer of `POST /projects/{project_id}/recover`. */
export const RecoveredProject = Type.Object({
  project: Project,
  branches: Type.Array(Branch),
});
export type RecoveredProject = Shown<typeof RecoveredProject>;

/** Answer of `PATCH /projects/{project_id}`. */
export const ProjectOperations = Type.Object({
  project: Project,
  operations: Type.Array(Operation),
});

const applicationsByProject = Type.Record(
  Type.String(),
  Type.Array(Type.Enum(['vercel', 'github', 'datadog', 'opentelemetry'])),
);

/** Answer of `GET /projects`; `pagination` is left out when the page is empty. */
export const ProjectList = Type.Object({
  projects: Type.Array(ProjectListItem),
  pagination: Type.Optional(CursorPagination),
  applications: applicationsByProject,
  integrations: applicationsByProject,
});
export type ProjectList = Shown<typeof ProjectList>;

/** Answer of `GET /projects/shared`. */
export const SharedProjectList = Type.Object({
  projects: Type.Array(ProjectListItem),
  pagination: Type.Optional(CursorPagination),
});
export type SharedProjectList = Shown<typeof SharedProjectList>;
