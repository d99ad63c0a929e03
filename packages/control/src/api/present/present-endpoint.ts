import type { Endpoint } from '@pgfleet/contract';
import { endpointHost, proxyHost } from '../../domain/addresses.ts';
import type { Installation } from '../../domain/installation.ts';
import { optionalTimestamp, timestamp } from '../../domain/timestamps.ts';
import type { EndpointRow } from '../../store/schema.ts';

/** What the contract has for the last activity of an endpoint that was never used. */
const neverActive = '2000-01-01T00:00:00Z';

/** An endpoint of a region as the API shows it. */
export function presentEndpoint(
  endpoint: EndpointRow,
  regionId: string,
  installation: Installation,
): Endpoint {
  return {
    host: endpointHost({ id: endpoint.id, regionId }, installation),
    id: endpoint.id,
    name: endpoint.name || undefined,
    project_id: endpoint.project_id,
    branch_id: endpoint.branch_id,
    autoscaling_limit_min_cu: endpoint.min_cu,
    autoscaling_limit_max_cu: endpoint.max_cu,
    region_id: regionId,
    type: endpoint.type,
    current_state: endpoint.current_state,
    pending_state: endpoint.pending_state ?? undefined,
    settings: endpoint.settings,
    pooler_enabled: endpoint.pooler_enabled,
    pooler_mode: 'transaction',
    disabled: endpoint.is_disabled,
    passwordless_access: endpoint.passwordless_access,
    last_active: endpoint.last_active ? timestamp(endpoint.last_active) : neverActive,
    creation_source: 'console',
    created_at: timestamp(endpoint.created_at),
    updated_at: timestamp(endpoint.updated_at),
    started_at: optionalTimestamp(endpoint.started_at),
    suspended_at: optionalTimestamp(endpoint.suspended_at),
    proxy_host: proxyHost(regionId, installation),
    suspend_timeout_seconds: endpoint.suspend_timeout_seconds,
    provisioner: endpoint.provisioner,
  };
}

/** The same as the answer that makes it shows it: without any activity. */
export function presentNewEndpoint(
  endpoint: EndpointRow,
  regionId: string,
  installation: Installation,
): Endpoint {
  return { ...presentEndpoint(endpoint, regionId, installation), last_active: undefined };
}
