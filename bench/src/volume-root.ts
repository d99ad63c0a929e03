import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Platform } from '@pgfleet/testkit';
import { first } from './tenant.ts';

/** Where the volume of the platform's only host has its trees. */
export function volumeRoot({ dataDir }: Pick<Platform, 'dataDir'>): string {
  const hosts = join(dataDir, 'hosts');
  return join(hosts, first(readdirSync(hosts)), 'volume', 'volume');
}
