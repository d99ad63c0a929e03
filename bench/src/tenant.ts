import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';
import type { Endpoint } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import type { Platform } from '@pgfleet/testkit';

/** A project made for a benchmark, and how to reach it. */
export interface Tenant {
  readonly projectId: string;
  readonly endpointId: string;
  readonly login: { readonly user: string; readonly password: string; readonly database: string };
  /** As a driver would be configured from the printed connection URI. */
  readonly config: ClientConfig;
}

/** Creates a project; `cu` fixes the size of its compute, the platform's default when left out. */
export async function createTenant(platform: Platform, name: string, cu?: number): Promise<Tenant> {
  const size = cu && { autoscaling_limit_min_cu: cu, autoscaling_limit_max_cu: cu };
  const created = await platform.createProject({ name, ...size });
  const { connection_uri, connection_parameters } = first(created.connection_uris);
  const { role, password, database } = connection_parameters;
  const uri = new URL(connection_uri);
  const options = uri.searchParams.get('options');
  return {
    projectId: created.project.id,
    endpointId: first(created.endpoints).id,
    login: { user: role, password, database },
    config: {
      host: uri.hostname,
      port: Number(uri.port),
      user: role,
      password,
      database,
      ssl: { ca: readFileSync(platform.caPath, 'utf8') },
      ...(options ? { options } : {}),
    },
  };
}

/** Deletes the only tenant of the platform and waits until nothing of it is left. */
export async function deleteTenant(platform: Platform, tenant: Tenant): Promise<void> {
  await platform.api('DELETE', `/projects/${tenant.projectId}`);
  // A deleted project has no operations to ask for: its host's disk tells when they are done.
  await waitUntil(() => timelineCount(platform) === 0, {
    what: 'the timeline to be gone',
    timeoutMs: 30_000,
    intervalMs: 5,
  });
}

/** Suspends the tenant's endpoint and waits until nothing of its compute is left. */
export async function suspend(platform: Platform, tenant: Tenant): Promise<void> {
  const path = `/projects/${tenant.projectId}/endpoints/${tenant.endpointId}`;
  await platform.api('POST', `${path}/suspend`);
  const isIdle = async () => {
    const { body } = await platform.api<{ endpoint: Endpoint }>('GET', path);
    return body.endpoint.current_state === 'idle' && !body.endpoint.pending_state;
  };
  await waitUntil(isIdle, { what: 'the endpoint to be idle', timeoutMs: 30_000, intervalMs: 5 });
}

function timelineCount({ dataDir }: Platform): number {
  const hosts = join(dataDir, 'hosts');
  return readdirSync(hosts).flatMap((region) => readdirSync(join(hosts, region, 'timelines')))
    .length;
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error('the answer to the creation of a project lacks a part');
  return item;
}
