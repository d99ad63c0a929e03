import {
  newBranchId,
  newEndpointId,
  newProjectId,
  newTimelineId,
  PgfleetError,
} from '@pgfleet/contract';
import type {
  BranchId,
  DefaultEndpointSettings,
  EndpointId,
  EndpointSettings,
  OrganizationId,
  ProjectCreateRequest,
  ProjectId,
  ProjectSettings,
  TimelineId,
  UserId,
} from '@pgfleet/contract';
import { randomText } from '@pgfleet/kit';
import {
  changeComputeLimits,
  defaultComputeLimits,
  requireSuspendTimeout,
} from './compute-settings.ts';
import type { Installation } from './installation.ts';
import { invalidField } from './invalid-request.ts';
import { defaultEndpoint } from './new-endpoint.ts';
import { newOperations } from './new-operation.ts';
import type { NewOperation } from './new-operation.ts';
import { requirePgSettings } from './pg-settings/require-pg-settings.ts';
import { requireDatabaseName, requireRoleName } from './postgres-names.ts';
import { changeProjectSettings, initialProjectSettings } from './project-settings.ts';

/** Everything that `POST /projects` inserts, decided but for what the database generates. */
export interface NewProject {
  readonly project: {
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
  };
  readonly timelineId: TimelineId;
  readonly branch: { readonly id: BranchId; readonly name: string };
  readonly endpoint: {
    readonly id: EndpointId;
    readonly min_cu: number;
    readonly max_cu: number;
    readonly suspend_timeout_seconds: number;
    readonly settings: EndpointSettings;
  };
  readonly role: { readonly name: string; readonly password: string };
  readonly databaseName: string;
  readonly operations: readonly NewOperation[];
}

const DEFAULT_HISTORY_RETENTION_SECONDS = 86_400;
const DEFAULT_PROVISIONER = 'k8s-neonvm';

export interface ProjectOwner {
  readonly organizationId: OrganizationId;
  readonly userId: UserId;
}

/**
 * Decides what a new project is made of: ids, the contract's defaults, a password.
 *
 * @throws PgfleetError `invalid_request` for values that the installation does not know or allow.
 */
export function planProject(
  request: ProjectCreateRequest['project'],
  owner: ProjectOwner,
  installation: Installation,
): NewProject {
  const regionId = requireRegion(request.region_id, installation);
  const id = newProjectId();
  const branchId = newBranchId(regionId);
  const endpointId = newEndpointId(regionId);
  const databaseName = requireDatabaseName(
    request.branch?.database_name ?? 'neondb',
    'project.branch.database_name',
  );
  const pgMajor = request.pg_version;
  const defaults = planEndpointDefaults(request, { installation, pgMajor });
  return {
    project: {
      id,
      organization_id: owner.organizationId,
      owner_id: owner.userId,
      region_id: regionId,
      name: request.name ?? id,
      pg_major: pgMajor,
      provisioner: request.provisioner ?? DEFAULT_PROVISIONER,
      store_passwords: request.store_passwords ?? true,
      history_retention_seconds:
        request.history_retention_seconds ?? DEFAULT_HISTORY_RETENTION_SECONDS,
      default_endpoint_settings: defaults,
      settings: changeProjectSettings(initialProjectSettings, request.settings),
    },
    timelineId: newTimelineId(),
    branch: { id: branchId, name: request.branch?.name ?? 'main' },
    endpoint: { id: endpointId, ...defaultEndpoint(defaults) },
    role: {
      name: requireRoleName(
        request.branch?.role_name ?? defaultRoleName(databaseName),
        'project.branch.role_name',
      ),
      password: newRolePassword(),
    },
    databaseName,
    operations: newOperations({ projectId: id, branchId, endpointId }, [
      'create_timeline',
      'start_compute',
    ]),
  };
}

/** A role's password, made as the contract's are. */
export function newRolePassword(): string {
  return `npg_${randomText(16)}`;
}

/** Resolves a project's `default_endpoint_settings`, over `current` ones when they change. */
export function planEndpointDefaults(
  request: Pick<
    ProjectCreateRequest['project'],
    'default_endpoint_settings' | 'autoscaling_limit_min_cu' | 'autoscaling_limit_max_cu'
  >,
  { installation, pgMajor }: { readonly installation: Installation; readonly pgMajor: number },
  current: DefaultEndpointSettings = {},
): DefaultEndpointSettings {
  const field = 'project.default_endpoint_settings';
  const requested = request.default_endpoint_settings ?? {};
  requirePgSettings(requested.pg_settings, { field: `${field}.pg_settings`, pgMajor });
  const { minCu, maxCu } = changeComputeLimits(
    {
      minCu: current.autoscaling_limit_min_cu ?? defaultComputeLimits.minCu,
      maxCu: current.autoscaling_limit_max_cu ?? defaultComputeLimits.maxCu,
    },
    {
      autoscaling_limit_min_cu:
        requested.autoscaling_limit_min_cu ?? request.autoscaling_limit_min_cu,
      autoscaling_limit_max_cu:
        requested.autoscaling_limit_max_cu ?? request.autoscaling_limit_max_cu,
    },
    field,
  );
  const timeout = requested.suspend_timeout_seconds ?? current.suspend_timeout_seconds ?? 0;
  return {
    ...current,
    ...requested,
    autoscaling_limit_min_cu: minCu,
    autoscaling_limit_max_cu: maxCu,
    suspend_timeout_seconds: requireSuspendTimeout(timeout, field, installation),
  };
}

function requireRegion(regionId: string | undefined, { regionIds }: Installation): string {
  const chosen = regionId ?? regionIds[0] ?? '';
  if (regionIds.includes(chosen)) return chosen;
  const known = regionIds.join(', ');
  throw invalidField('project.region_id', `"${chosen}" is not one of the regions: ${known}`);
}

// `<database>_owner` may not fit a name although the database's does.
function defaultRoleName(databaseName: string): string {
  const name = `${databaseName}_owner`;
  if (Buffer.byteLength(name) <= 63) return name;
  throw new PgfleetError('invalid_request', {
    message: 'the default role name of this database is too long: give project.branch.role_name',
  });
}
