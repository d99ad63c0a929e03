import type { EndpointId } from '@pgfleet/contract';
import type { Installation } from './installation.ts';

/** The host that stands for a region: what follows the endpoint's label. */
export function proxyHost(regionId: string, { domain }: Installation): string {
  return `${regionId}.${domain}`;
}

/** The canonical host of an endpoint, or of its pooler. */
export function endpointHost(
  endpoint: { readonly id: EndpointId; readonly regionId: string; readonly isPooled?: boolean },
  installation: Installation,
): string {
  return `${endpointLabel(endpoint)}.${proxyHost(endpoint.regionId, installation)}`;
}

export interface ConnectionTarget {
  readonly id: EndpointId;
  readonly regionId: string;
  readonly isPooled?: boolean;
  readonly role: string;
  readonly password: string;
  readonly database: string;
}

/**
 * A connection URI that works as printed on this machine: where the endpoint's host does not
 * resolve, the URI names the bare domain and carries the endpoint in its `options`; where no public
 * authority vouches for the server, it says which file does, for drivers that insist on one.
 */
export function connectionUri(target: ConnectionTarget, installation: Installation): string {
  const resolves = installation.resolvableRegionIds.has(target.regionId);
  const host = resolves ? endpointHost(target, installation) : installation.domain;
  const port = installation.pgPort === 5432 ? '' : `:${installation.pgPort}`;
  const user = `${encodeURIComponent(target.role)}:${encodeURIComponent(target.password)}`;
  const options = resolves ? '' : `&options=endpoint%3D${endpointLabel(target)}`;
  const database = encodeDatabase(target.database);
  const trust = installation.caFile ? `&sslrootcert=${encodePath(installation.caFile)}` : '';
  return `postgresql://${user}@${host}${port}/${database}?sslmode=require${options}${trust}`;
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function endpointLabel(endpoint: { readonly id: EndpointId; readonly isPooled?: boolean }): string {
  return endpoint.isPooled ? `${endpoint.id}-pooler` : endpoint.id;
}

// Drivers decode a path differently: libpq whole, node-postgres but for the characters that
// `encodeURI` leaves alone. So those stay as they are, where they do not end the path.
function encodeDatabase(text: string): string {
  return encodeURI(text).replaceAll('?', '%3F').replaceAll('#', '%23');
}
