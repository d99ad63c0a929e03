import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, waitUntil } from '@pgfleet/kit';
import type { Platform } from '@pgfleet/testkit';
import type { Tenant } from './tenant.ts';

/** What the host wrote down about a running compute. */
export interface ComputeRecord {
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly lockPath: string;
  readonly postmaster: { readonly pid: number };
}

/** Reads the record of the compute that runs behind a tenant's endpoint, once it is written. */
export function readComputeRecord(platform: Platform, tenant: Tenant): Promise<ComputeRecord> {
  return waitUntil(() => findRecord(platform, tenant), {
    what: `the record of a running compute of ${tenant.endpointId}`,
    timeoutMs: 30_000,
  });
}

function findRecord(platform: Platform, { endpointId }: Tenant): ComputeRecord | null {
  const hosts = join(platform.dataDir, 'hosts');
  for (const region of readdirSync(hosts)) {
    const record = readJsonFile(join(hosts, region, 'computes', `${endpointId}.json`));
    if (record) return (record as { readonly instance: ComputeRecord | null }).instance;
  }
  return null;
}
