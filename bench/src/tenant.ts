import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';
import type { ConnectionDetails, CreatedProject, Endpoint } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import type { Platform } from '@pgfleet/testkit';
import { readComputeRecord } from './compute-record.ts';
import type { PgEnvironment } from './pgbench.ts';

/** A project made for a benchmark, and how to reach it. */
export interface Tenant {
  readonly projectId: string;
  readonly branchId: string;
  readonly endpointId: string;
  readonly login: { readonly user: string; readonly password: string; readonly database: string };
  /** As a driver would be configured from the printed connection URI. */
  readonly config: ClientConfig;
}

export interface TenantOptions {
  /** Fixes the size of its first compute; the platform's default when left out. */
  readonly cu?: number;
  readonly historyRetentionSeconds?: number;
}

/** Creates a project. */
export async function createTenant(
  platform: Platform,
  name: string,
  { cu, historyRetentionSeconds: retention }: TenantOptions = {},
): Promise<Tenant> {
  return tenantOf(
    platform,
    await platform.createProject({
      name,
      ...(cu && { autoscaling_limit_min_cu: cu, autoscaling_limit_max_cu: cu }),
      ...(retention && { history_retention_seconds: retention }),
    }),
  );
}

/** What a benchmark needs of the answer to the creation of a project. */
function tenantOf(platform: Platform, created: CreatedProject): Tenant {
  const details = first(created.connection_uris);
  const { role, password, database } = details.connection_parameters;
  return {
    projectId: created.project.id,
    branchId: created.branch.id,
    endpointId: first(created.endpoints).id,
    login: { user: role, password, database },
    config: configOf(platform, details),
  };
}

/** As a driver would be configured from a printed connection URI. */
export function configOf(
  platform: Platform,
  { connection_uri, connection_parameters }: ConnectionDetails,
): ClientConfig {
  const uri = new URL(connection_uri);
  const options = uri.searchParams.get('options');
  return {
    host: uri.hostname,
    port: Number(uri.port),
    user: connection_parameters.role,
    password: connection_parameters.password,
    database: connection_parameters.database,
    ssl: { ca: readFileSync(platform.caPath, 'utf8') },
    ...(options ? { options } : {}),
  };
}

/** How libpq reaches a tenant as its clients do. */
export function proxyEnv({ config, login }: Tenant): PgEnvironment {
  return {
    ...loginEnv(login),
    PGHOST: String(config.host),
    PGPORT: String(config.port),
    PGSSLMODE: 'require',
    ...(config.options ? { PGOPTIONS: config.options } : {}),
  };
}

/** How libpq reaches the compute of a tenant without the proxy. */
export async function socketEnv(platform: Platform, tenant: Tenant): Promise<PgEnvironment> {
  return {
    ...loginEnv(tenant.login),
    PGHOST: (await readComputeRecord(platform, tenant)).socketDirectory,
    PGPORT: '5432',
  };
}

function loginEnv({ user, password, database }: Tenant['login']): PgEnvironment {
  return { PGUSER: user, PGPASSWORD: password, PGDATABASE: database };
}

/** Deletes the only tenant of the platform and waits until nothing of it is left. */
export async function deleteTenant(platform: Platform, tenant: Tenant): Promise<void> {
  await platform.api('DELETE', `/projects/${tenant.projectId}?hard_delete=true`);
  // A deleted project has no operations to ask for: its host's disk tells when they are done.
  await waitUntil(() => timelineCount(platform) === 0, {
    what: 'the timeline to be gone',
    timeoutMs: 120_000,
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
  await waitUntil(isIdle, { what: 'the endpoint to be idle', timeoutMs: 120_000, intervalMs: 5 });
}

function timelineCount({ dataDir }: Platform): number {
  const hosts = join(dataDir, 'hosts');
  return readdirSync(hosts).flatMap((region) => readdirSync(join(hosts, region, 'timelines')))
    .length;
}

/** The one part of an answer that has to be there. */
export function first<T>(items: readonly T[] | undefined): T {
  const [item] = items ?? [];
  if (item === undefined) throw new Error('an answer of the API lacks a part');
  return item;
}
