import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '@pgfleet/kit';
import type { Platform } from '@pgfleet/testkit';
import type { Tenant } from './tenant.ts';

/** What the host wrote down about a running compute. */
export interface ComputeRecord {
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly lockPath: string;
  readonly postmaster: { readonly pid: number };
}

/** Reads the record of the compute that runs behind a tenant's endpoint. */
export function readComputeRecord(platform: Platform, { endpointId }: Tenant): ComputeRecord {
  const hosts = join(platform.dataDir, 'hosts');
  for (const region of readdirSync(hosts)) {
    const record = readJsonFile(join(hosts, region, 'computes', `${endpointId}.json`));
    if (record) return (record as { readonly instance: ComputeRecord }).instance;
  }
  throw new Error(`no compute of ${endpointId} is running`);
}
