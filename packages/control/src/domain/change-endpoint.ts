import type { EndpointSettings, EndpointUpdateRequest, OperationAction } from '@pgfleet/contract';
import { changeComputeLimits, requireSuspendTimeout } from './compute-settings.ts';
import type { Installation } from './installation.ts';
import { requirePgSettings } from './pg-settings.ts';

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
  /** The operations that carry the change to the host. */
  readonly actions: readonly OperationAction[];
}

/**
 * Applies a request to an endpoint.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function changeEndpoint(
  current: ChangeableEndpoint,
  request: EndpointUpdateRequest['endpoint'],
  installation: Installation,
): EndpointChange {
  const { minCu, maxCu } = changeComputeLimits(
    { minCu: current.min_cu, maxCu: current.max_cu },
    request,
    'endpoint',
  );
  requirePgSettings(request.settings?.pg_settings, 'endpoint.settings.pg_settings');
  const timeout = request.suspend_timeout_seconds ?? current.suspend_timeout_seconds;
  return {
    row: {
      name: request.name ?? current.name,
      min_cu: minCu,
      max_cu: maxCu,
      suspend_timeout_seconds: requireSuspendTimeout(timeout, 'endpoint', installation),
      settings: { ...current.settings, ...request.settings },
      is_disabled: request.disabled ?? current.is_disabled,
      pooler_enabled: request.pooler_enabled ?? current.pooler_enabled,
      passwordless_access: request.passwordless_access ?? current.passwordless_access,
      provisioner: request.provisioner ?? current.provisioner,
    },
    actions: actionsFor(request),
  };
}

function actionsFor(request: EndpointUpdateRequest['endpoint']): readonly OperationAction[] {
  const concernsHost =
    request.autoscaling_limit_min_cu !== undefined ||
    request.autoscaling_limit_max_cu !== undefined ||
    request.suspend_timeout_seconds !== undefined ||
    request.settings !== undefined ||
    request.disabled !== undefined;
  if (!concernsHost) return [];
  return request.disabled ? ['apply_config', 'suspend_compute'] : ['apply_config'];
}
