import type { Project, ProjectListItem, ProjectSettings } from '@pgfleet/contract';
import { proxyHost } from '../../domain/addresses.ts';
import type { Installation } from '../../domain/installation.ts';
import { consumptionPeriod, noTimestamp, timestamp } from '../../domain/timestamps.ts';
import type { ProjectDetails } from '../../store/projects.ts';
import type { ProjectRow } from '../../store/schema.ts';

const BYTES_PER_MIB = 1024 * 1024;
/** What the contract's paid plans allow; shown where a project has no limit of its own. */
const DEFAULT_LOGICAL_SIZE_BYTES = 16 * 1024 * 1024 * BYTES_PER_MIB;

/** What a project used; nothing, right after it was created. */
export type ProjectUsage = Pick<
  ProjectDetails,
  'active_seconds' | 'bytes_out' | 'compute_last_active_at' | 'synthetic_storage_size'
>;

export const noUsage: ProjectUsage = {
  active_seconds: 0,
  bytes_out: 0,
  compute_last_active_at: null,
  synthetic_storage_size: null,
};

/** A project as the answer to a change shows it: without the consumption period and the owner. */
export function presentProject(
  project: ProjectRow & ProjectUsage,
  installation: Installation,
): Project {
  const seconds = Math.round(project.active_seconds);
  const size = project.synthetic_storage_size;
  const { creation_source: source, ...common } = presentCommon(project, installation);
  return {
    data_storage_bytes_hour: 0,
    data_transfer_bytes: Math.round(project.bytes_out),
    written_data_bytes: 0,
    compute_time_seconds: seconds,
    active_time_seconds: seconds,
    cpu_used_sec: seconds,
    ...common,
    creation_source: source,
    history_retention_seconds: project.history_retention_seconds,
    created_at: timestamp(project.created_at),
    updated_at: timestamp(project.updated_at),
    ...(size === null ? {} : { synthetic_storage_size: size }),
    consumption_period_start: noTimestamp,
    consumption_period_end: noTimestamp,
    owner_id: project.owner_id,
    ...lastActive(project),
    org_id: project.organization_id,
  };
}

/** A project as `GET` shows it. */
export function presentProjectDetails(
  project: ProjectDetails,
  installation: Installation,
): Project {
  const { start, end } = consumptionPeriod(new Date());
  const {
    org_id: organizationId,
    compute_last_active_at: _,
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
    ...lastActive(project),
    ...(organizationId ? { org_id: organizationId } : {}),
  };
}

/** A project as lists show it. */
export function presentProjectListItem(
  project: ProjectDetails,
  installation: Installation,
): ProjectListItem {
  const seconds = Math.round(project.active_seconds);
  const { creation_source: source, ...common } = presentCommon(project, installation);
  return {
    ...common,
    active_time: seconds,
    cpu_used_sec: seconds,
    creation_source: source,
    created_at: timestamp(project.created_at),
    updated_at: timestamp(project.updated_at),
    synthetic_storage_size: project.synthetic_storage_size ?? 0,
    quota_reset_at: timestamp(consumptionPeriod(new Date()).end),
    owner_id: project.owner_id,
    ...lastActive(project),
    org_id: project.organization_id,
    ...recovery(project),
  };
}

function presentCommon(project: ProjectRow, installation: Installation) {
  const limit = project.settings.quota?.logical_size_bytes || DEFAULT_LOGICAL_SIZE_BYTES;
  return {
    id: project.id,
    platform_id: project.region_id.split('-')[0] ?? '',
    region_id: project.region_id,
    name: project.name,
    provisioner: project.provisioner,
    default_endpoint_settings: presentEndpointDefaults(project),
    settings: presentSettings(project.settings),
    pg_version: project.pg_major,
    proxy_host: proxyHost(project.region_id, installation),
    branch_logical_size_limit: Math.floor(limit / BYTES_PER_MIB),
    branch_logical_size_limit_bytes: limit,
    store_passwords: project.store_passwords,
    creation_source: 'console',
  };
}

// `jsonb` does not keep the order of keys; the contract's answers have one.
function presentSettings(settings: ProjectSettings): ProjectSettings {
  const {
    quota,
    allowed_ips: allowedIps,
    enable_logical_replication: logicalReplication = false,
    maintenance_window: maintenanceWindow,
    block_public_connections: blockPublic = false,
    block_vpc_connections: blockVpc = false,
    ...rest
  } = settings;
  return {
    ...(quota ? { quota } : {}),
    allowed_ips: {
      ips: allowedIps?.ips ?? [],
      protected_branches_only: allowedIps?.protected_branches_only ?? false,
    },
    enable_logical_replication: logicalReplication,
    ...(maintenanceWindow ? { maintenance_window: maintenanceWindow } : {}),
    block_public_connections: blockPublic,
    block_vpc_connections: blockVpc,
    ...rest,
  };
}

function presentEndpointDefaults({ default_endpoint_settings: settings }: ProjectRow) {
  const {
    autoscaling_limit_min_cu: min,
    autoscaling_limit_max_cu: max,
    suspend_timeout_seconds: timeout,
    ...rest
  } = settings;
  return {
    ...rest,
    ...(min === undefined ? {} : { autoscaling_limit_min_cu: min }),
    ...(max === undefined ? {} : { autoscaling_limit_max_cu: max }),
    ...(timeout === undefined ? {} : { suspend_timeout_seconds: timeout }),
  };
}

function lastActive({ compute_last_active_at: at }: ProjectUsage) {
  return at ? { compute_last_active_at: timestamp(at) } : {};
}

function recovery({ deleted_at: deletedAt, purge_at: purgeAt }: ProjectRow) {
  if (!deletedAt || !purgeAt) return {};
  return { deleted_at: timestamp(deletedAt), recoverable_until: timestamp(purgeAt) };
}
