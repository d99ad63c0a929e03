import { newEndpointId } from '@pgfleet/contract';
import type {
  DefaultEndpointSettings,
  EndpointCreateRequest,
  EndpointId,
  EndpointSettings,
  EndpointType,
  ProjectId,
} from '@pgfleet/contract';
import {
  changeComputeLimits,
  defaultComputeLimits,
  requireSuspendTimeout,
} from './compute-settings.ts';
import type { Installation } from './installation.ts';
import { requirePgSettings } from './pg-settings/require-pg-settings.ts';

/** What a request may say of a new endpoint, beside the branch that it is for. */
export type EndpointOptions = Omit<EndpointCreateRequest['endpoint'], 'branch_id' | 'region_id'>;

/** An endpoint to be inserted on a branch, named as the columns are. */
export interface NewEndpoint {
  readonly id: EndpointId;
  readonly type: EndpointType;
  readonly name: string | null;
  readonly min_cu: number;
  readonly max_cu: number;
  readonly suspend_timeout_seconds: number;
  readonly settings: EndpointSettings;
  readonly is_disabled: boolean;
  readonly pooler_enabled: boolean;
  readonly passwordless_access: boolean;
  readonly provisioner: string;
  readonly pending_state: 'active' | null;
}

/** The project that an endpoint belongs to, named as the columns are. */
export interface EndpointProject {
  readonly id: ProjectId;
  readonly region_id: string;
  readonly pg_major: number;
  readonly provisioner: string;
  readonly default_endpoint_settings: DefaultEndpointSettings;
}

/**
 * Decides what a new endpoint is: what the request leaves out is the project's default.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function planEndpoint(
  request: EndpointOptions,
  project: EndpointProject,
  installation: Installation,
): NewEndpoint {
  const defaults = defaultEndpoint(project.default_endpoint_settings);
  const current = { minCu: defaults.min_cu, maxCu: defaults.max_cu };
  const { minCu, maxCu } = changeComputeLimits(current, request, 'endpoint');
  requirePgSettings(request.settings?.pg_settings, {
    field: 'endpoint.settings.pg_settings',
    pgMajor: project.pg_major,
  });
  const timeout = request.suspend_timeout_seconds ?? defaults.suspend_timeout_seconds;
  return {
    id: newEndpointId(project.region_id),
    type: request.type,
    name: request.name ?? null,
    min_cu: minCu,
    max_cu: maxCu,
    suspend_timeout_seconds: requireSuspendTimeout(timeout, 'endpoint', installation),
    settings: { ...defaults.settings, ...request.settings },
    is_disabled: request.disabled ?? false,
    pooler_enabled: request.pooler_enabled ?? false,
    passwordless_access: request.passwordless_access ?? true,
    provisioner: request.provisioner ?? project.provisioner,
    pending_state: request.disabled ? null : 'active',
  };
}

/** An endpoint of a project with these defaults. */
export function defaultEndpoint(defaults: DefaultEndpointSettings) {
  const { pg_settings: pgSettings, pgbouncer_settings: poolSettings } = defaults;
  return {
    min_cu: defaults.autoscaling_limit_min_cu ?? defaultComputeLimits.minCu,
    max_cu: defaults.autoscaling_limit_max_cu ?? defaultComputeLimits.maxCu,
    suspend_timeout_seconds: defaults.suspend_timeout_seconds ?? 0,
    settings: {
      ...(pgSettings ? { pg_settings: pgSettings } : {}),
      ...(poolSettings ? { pgbouncer_settings: poolSettings } : {}),
    },
  };
}
