import type {
  DefaultEndpointSettings,
  Project,
  ProjectListItem,
  ProjectSettings,
} from '@pgfleet/contract';
import { proxyHost } from '../../domain/addresses.ts';
import type { Installation } from '../../domain/installation.ts';
import {
  consumptionPeriod,
  noTimestamp,
  optionalTimestamp,
  timestamp,
} from '../../domain/timestamps.ts';
import type { ListedProject, ProjectDetails } from '../../store/projects.ts';
import type { ProjectRow } from '../../store/schema.ts';

const BYTES_PER_MIB = 1024 * 1024;
/** What the contract's paid plans allow; shown where a project has no limit of its own. */
const DEFAULT_LOGICAL_SIZE_BYTES = 16 * 1024 * 1024 * BYTES_PER_MIB;

/** What a project used this month. */
type ProjectUsage = Pick<
  ProjectDetails,
  | 'active_seconds'
  | 'cu_seconds'
  | 'bytes_out'
  | 'written_bytes'
  | 'compute_last_active_at'
  | 'synthetic_storage_size'
>;

const noUsage: ProjectUsage = {
  active_seconds: 0,
  cu_seconds: 0,
  bytes_out: 0,
  written_bytes: 0,
  compute_last_active_at: null,
  synthetic_storage_size: null,
};

/*
 * Fields that several of these objects have are named in each: an object that another one is spread
 * into takes twenty times as long to make, and a page of a list has hundreds of them.
 */

/** A project as the answer to a change shows it: without the consumption period and the owner. */
export function presentProject(
  project: ProjectRow & ProjectUsage,
  installation: Installation,
): Project {
  const cuSeconds = Math.round(project.cu_seconds);
  const limitBytes = logicalSizeLimit(project);
  return {
    data_storage_bytes_hour: 0,
    data_transfer_bytes: Math.round(project.bytes_out),
    written_data_bytes: Math.round(project.written_bytes),
    compute_time_seconds: cuSeconds,
    active_time_seconds: Math.round(project.active_seconds),
    cpu_used_sec: cuSeconds,
    id: project.id,
    platform_id: platformOf(project),
    region_id: project.region_id,
    name: project.name,
    provisioner: project.provisioner,
    default_endpoint_settings: presentEndpointDefaults(project.default_endpoint_settings),
    settings: presentSettings(project.settings),
    pg_version: project.pg_major,
    proxy_host: proxyHost(project.region_id, installation),
    branch_logical_size_limit: Math.floor(limitBytes / BYTES_PER_MIB),
    branch_logical_size_limit_bytes: limitBytes,
    store_passwords: project.store_passwords,
    creation_source: 'console',
    history_retention_seconds: project.history_retention_seconds,
    created_at: timestamp(project.created_at),
    updated_at: timestamp(project.updated_at),
    synthetic_storage_size: project.synthetic_storage_size ?? 0,
    consumption_period_start: noTimestamp,
    consumption_period_end: noTimestamp,
    owner_id: project.owner_id,
    compute_last_active_at: optionalTimestamp(project.compute_last_active_at),
    org_id: project.organization_id,
  };
}

/** The same as the answer that makes it shows it: without a size. */
export function presentNewProject(project: ProjectRow, installation: Installation): Project {
  const shown = presentProject({ ...project, ...noUsage }, installation);
  return { ...shown, synthetic_storage_size: undefined };
}

/** A project as `GET` shows it. */
export function presentProjectDetails(
  project: ProjectDetails,
  installation: Installation,
): Project {
  const { start, end } = consumptionPeriod(new Date());
  const {
    org_id: organizationId,
    compute_last_active_at: lastActiveAt,
    ...shown
  } = presentProject(project, installation);
  return {
    ...shown,
    consumption_period_start: timestamp(start),
    consumption_period_end: timestamp(end),
    owner: {
      email: project.owner_email,
      name: project.owner_name,
      branches_limit: -1,
      subscription_type: 'UNKNOWN',
    },
    compute_last_active_at: lastActiveAt,
    org_id: organizationId,
  };
}

/** Projects as lists show them. */
export function presentProjectListItems(
  projects: readonly ListedProject[],
  installation: Installation,
): ProjectListItem[] {
  const quotaResetAt = timestamp(consumptionPeriod(new Date()).end);
  return projects.map((project) => {
    const limitBytes = logicalSizeLimit(project);
    const recoverableUntil = project.deleted_at && project.purge_at;
    return {
      id: project.id,
      platform_id: platformOf(project),
      region_id: project.region_id,
      name: project.name,
      provisioner: project.provisioner,
      default_endpoint_settings: presentEndpointDefaults(project.default_endpoint_settings),
      settings: presentSettings(project.settings),
      pg_version: project.pg_major,
      proxy_host: proxyHost(project.region_id, installation),
      branch_logical_size_limit: Math.floor(limitBytes / BYTES_PER_MIB),
      branch_logical_size_limit_bytes: limitBytes,
      store_passwords: project.store_passwords,
      active_time: Math.round(project.active_seconds),
      cpu_used_sec: Math.round(project.cu_seconds),
      creation_source: 'console',
      created_at: timestamp(project.created_at),
      updated_at: timestamp(project.updated_at),
      synthetic_storage_size: project.synthetic_storage_size ?? 0,
      quota_reset_at: quotaResetAt,
      owner_id: project.owner_id,
      compute_last_active_at: optionalTimestamp(project.compute_last_active_at),
      org_id: project.organization_id,
      deleted_at: optionalTimestamp(recoverableUntil && project.deleted_at),
      recoverable_until: optionalTimestamp(recoverableUntil),
    };
  });
}

function platformOf({ region_id: regionId }: Pick<ProjectRow, 'region_id'>): string {
  return regionId.split('-')[0] ?? '';
}

function logicalSizeLimit({ settings }: Pick<ProjectRow, 'settings'>): number {
  return settings.quota?.logical_size_bytes || DEFAULT_LOGICAL_SIZE_BYTES;
}

// With each of them named, none can be forgotten.
type EveryField<T> = { readonly [Key in keyof Required<T>]: T[Key] | undefined };

// `jsonb` does not keep the order of keys; the contract's answers have one.
function presentSettings(settings: ProjectSettings): EveryField<ProjectSettings> {
  const { allowed_ips: allowedIps } = settings;
  return {
    quota: settings.quota,
    allowed_ips: {
      ips: allowedIps?.ips ?? [],
      protected_branches_only: allowedIps?.protected_branches_only ?? false,
    },
    enable_logical_replication: settings.enable_logical_replication ?? false,
    maintenance_window: settings.maintenance_window,
    block_public_connections: settings.block_public_connections ?? false,
    block_vpc_connections: settings.block_vpc_connections ?? false,
    hipaa: settings.hipaa,
    audit_log_level: settings.audit_log_level,
    preload_libraries: settings.preload_libraries,
  };
}

function presentEndpointDefaults(
  defaults: DefaultEndpointSettings,
): EveryField<DefaultEndpointSettings> {
  return {
    pg_settings: defaults.pg_settings,
    pgbouncer_settings: defaults.pgbouncer_settings,
    autoscaling_limit_min_cu: defaults.autoscaling_limit_min_cu,
    autoscaling_limit_max_cu: defaults.autoscaling_limit_max_cu,
    suspend_timeout_seconds: defaults.suspend_timeout_seconds,
  };
}
