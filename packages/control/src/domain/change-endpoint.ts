import type { EndpointSettings, EndpointUpdateRequest, ProjectSettings } from '@pgfleet/contract';
import type { Effect } from './carry-change.ts';
import { changeComputeLimits, requireSuspendTimeout } from './compute-settings.ts';
import type { Installation } from './installation.ts';
import { needsRestart, requirePgSettings } from './pg-settings/require-pg-settings.ts';
import { areSameLibraries, enabledLibraries } from './preload-libraries.ts';

/** What of an endpoint a request can change, named as the columns are. */
export interface ChangeableEndpoint {
  readonly name: string | null;
  readonly min_cu: number;
  readonly max_cu: number;
  readonly suspend_timeout_seconds: number;
  readonly settings: EndpointSettings;
  readonly is_disabled: boolean;
  readonly pooler_enabled: boolean;
  readonly passwordless_access: boolean;
  readonly provisioner: string;
}

export interface EndpointChange {
  readonly row: ChangeableEndpoint;
  /** What it does to a compute that runs; null when its host need not hear of it. */
  readonly effect: Effect | null;
}

interface EndpointPlace {
  readonly installation: Installation;
  readonly project: { readonly pg_major: number; readonly settings: ProjectSettings };
}

/**
 * Applies a request to an endpoint.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function changeEndpoint(
  current: ChangeableEndpoint,
  request: EndpointUpdateRequest['endpoint'],
  { installation, project }: EndpointPlace,
): EndpointChange {
  const { minCu, maxCu } = changeComputeLimits(
    { minCu: current.min_cu, maxCu: current.max_cu },
    request,
    'endpoint',
  );
  requirePgSettings(request.settings?.pg_settings, {
    field: 'endpoint.settings.pg_settings',
    pgMajor: project.pg_major,
    known: current.settings.pg_settings,
  });
  const settings = { ...current.settings, ...request.settings };
  const timeout = request.suspend_timeout_seconds ?? current.suspend_timeout_seconds;
  return {
    row: {
      name: request.name ?? current.name,
      min_cu: minCu,
      max_cu: maxCu,
      suspend_timeout_seconds: requireSuspendTimeout(timeout, 'endpoint', installation),
      settings,
      is_disabled: request.disabled ?? current.is_disabled,
      pooler_enabled: request.pooler_enabled ?? current.pooler_enabled,
      passwordless_access: request.passwordless_access ?? current.passwordless_access,
      provisioner: request.provisioner ?? current.provisioner,
    },
    effect: concernsHost(request)
      ? effectOf({ before: current.settings, settings }, request, project)
      : null,
  };
}

function concernsHost(request: EndpointUpdateRequest['endpoint']): boolean {
  return (
    request.autoscaling_limit_min_cu !== undefined ||
    request.autoscaling_limit_max_cu !== undefined ||
    request.suspend_timeout_seconds !== undefined ||
    request.settings !== undefined ||
    request.disabled !== undefined
  );
}

function effectOf(
  { before, settings }: { readonly before: EndpointSettings; readonly settings: EndpointSettings },
  { disabled }: EndpointUpdateRequest['endpoint'],
  project: EndpointPlace['project'],
): Effect {
  if (disabled) return 'stop';
  const isOutdated =
    needsRestart(before.pg_settings ?? {}, settings.pg_settings ?? {}, project.pg_major) ||
    !areSameLibraries(
      enabledLibraries(project.settings, before),
      enabledLibraries(project.settings, settings),
    );
  return isOutdated ? 'restart' : 'live';
}
