import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { OrganizationId, ProjectId, UserId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import type { Branch } from './branches.ts';
import type { Endpoint } from './endpoints.ts';
import type { Operation } from './operations.ts';
import type { ConnectionDetails, Database, Role } from './roles.ts';
import { ComputeUnits, DefaultEndpointSettings, ProjectSettings } from './settings.ts';

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
      }),
    ),
    autoscaling_limit_min_cu: Type.Optional(ComputeUnits),
    autoscaling_limit_max_cu: Type.Optional(ComputeUnits),
    provisioner: Type.Optional(Type.String({ maxLength: 64 })),
    region_id: Type.Optional(Type.String()),
    default_endpoint_settings: Type.Optional(DefaultEndpointSettings),
    pg_version: Type.Optional(Type.Integer()),
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

/** Query of `GET /projects`. */
export const ProjectListQuery = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 60 })),
  limit: Type.Integer({ minimum: 1, maximum: 400, default: 10 }),
  search: Type.Optional(Type.String({ maxLength: 256 })),
  org_id: Type.Optional(Type.String({ pattern: idPattern })),
});
export type ProjectListQuery = Static<typeof ProjectListQuery>;

/** Query of `GET /projects/shared`. */
export const SharedProjectListQuery = Type.Omit(ProjectListQuery, ['org_id']);
export type SharedProjectListQuery = Static<typeof SharedProjectListQuery>;

interface ProjectCommon {
  readonly id: ProjectId;
  readonly platform_id: string;
  readonly region_id: string;
  readonly name: string;
  readonly provisioner: string;
  readonly default_endpoint_settings: DefaultEndpointSettings;
  readonly settings: ProjectSettings;
  readonly pg_version: number;
  readonly proxy_host: string;
  /** MiB. */
  readonly branch_logical_size_limit: number;
  readonly branch_logical_size_limit_bytes: number;
  readonly store_passwords: boolean;
  readonly cpu_used_sec: number;
  readonly creation_source: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly synthetic_storage_size?: number;
  readonly owner_id: UserId;
  readonly compute_last_active_at?: string;
  readonly org_id?: OrganizationId;
}

/** A project as `GET /projects/{project_id}` shows it. */
export interface Project extends ProjectCommon {
  readonly data_storage_bytes_hour: number;
  readonly data_transfer_bytes: number;
  readonly written_data_bytes: number;
  readonly compute_time_seconds: number;
  readonly active_time_seconds: number;
  readonly history_retention_seconds: number;
  readonly consumption_period_start: string;
  readonly consumption_period_end: string;
  readonly owner?: {
    readonly email: string;
    readonly name: string;
    readonly branches_limit: number;
    readonly subscription_type: string;
  };
}

/** A project as lists show it. */
export interface ProjectListItem extends ProjectCommon {
  readonly active_time: number;
  readonly quota_reset_at: string;
}

/** Answer of `POST /projects`, in the contract's order of keys. */
export interface CreatedProject {
  readonly project: Project;
  readonly connection_uris: readonly ConnectionDetails[];
  readonly roles: readonly Role[];
  readonly databases: readonly Database[];
  readonly operations: readonly Operation[];
  readonly branch: Branch;
  readonly endpoints: readonly Endpoint[];
}

/** Answer of `GET /projects`; `pagination` is left out when the page is empty. */
export interface ProjectList {
  readonly projects: readonly ProjectListItem[];
  readonly pagination?: { readonly cursor: string };
  readonly applications?: Readonly<Record<string, readonly string[]>>;
  readonly integrations?: Readonly<Record<string, readonly string[]>>;
}
