import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { readJsonFile } from '@pgfleet/kit';
import type { Platform } from '@pgfleet/testkit';
import { describeCompute } from './bare-postgres.ts';
import type { TimelineAtRest } from './bare-postgres.ts';
import { readComputeRecord } from './compute-record.ts';
import type { BenchContext } from './context.ts';
import { pgbenchScale } from './data-size.ts';
import type { DataSize } from './data-size.ts';
import { firstRowMs } from './first-row.ts';
import { initialise } from './pgbench.ts';
import type { Row } from './row.ts';
import { createTenant, deleteTenant, socketEnv, suspend } from './tenant.ts';
import type { Tenant } from './tenant.ts';
import { volumeRoot } from './volume-root.ts';

// As much as the machine has: a parent that is held back would leave room that it does not have.
const UNLIMITED_CU = 2;
// Longer than any restore here goes back; the loads of a longer window would fill the disk.
const MIN_RETENTION_SECONDS = 600;

/** What every row says of the data and where it lies. */
export interface Ground {
  readonly size: string;
  readonly database_mb: number;
  readonly driver: string;
  readonly [detail: string]: string | number;
}

/** A tenant with the tables of pgbench in a database of some size. */
export interface SizedTenant {
  readonly tenant: Tenant;
  readonly timeline: TimelineAtRest;
  readonly ground: Ground;
}

/** A benchmark of a database of some size. */
export type SizedBench = (context: BenchContext, sized: SizedTenant) => AsyncIterable<Row>;

/** Runs benchmarks one after the other on a tenant of every size, which is filled once for all. */
export async function* forEachSize(
  context: BenchContext,
  benches: readonly SizedBench[],
): AsyncGenerator<Row> {
  for (const size of context.sizes) {
    const tenant = await createTenant(context.platform, `bench-${size.label}`, {
      cu: UNLIMITED_CU,
      historyRetentionSeconds: Math.max(MIN_RETENTION_SECONDS, 2 * context.ageSeconds),
    });
    try {
      await firstRowMs(tenant.config);
      await initialise(pgbenchScale(size), await socketEnv(context.platform, tenant));
      for (const bench of benches) yield* bench(context, await settle(context, tenant, size));
    } finally {
      await deleteTenant(context.platform, tenant);
    }
  }
}

// The clean stop at the end is the checkpoint that separates what was before from measuring.
async function settle(
  { platform, postgresBin }: BenchContext,
  tenant: Tenant,
  size: DataSize,
): Promise<SizedTenant> {
  await firstRowMs(tenant.config);
  const timeline = describeCompute(
    await readComputeRecord(platform, tenant),
    join(postgresBin, 'postgres'),
  );
  const bytes = await databaseBytes(tenant);
  await suspend(platform, tenant);
  const ground = {
    size: size.label,
    database_mb: Math.round(bytes / 1e6),
    driver: volumeDriver(platform),
  };
  return { tenant, timeline, ground };
}

async function databaseBytes({ config }: Tenant): Promise<number> {
  const client = new Client(config);
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>(
      'SELECT pg_database_size(current_database()) AS bytes',
    );
    return Number(rows[0]?.bytes);
  } finally {
    await client.end();
  }
}

/** The driver of the platform's only host, and the file system of its image if it has one. */
function volumeDriver(platform: Platform): string {
  const record = readJsonFile(join(dirname(volumeRoot(platform)), 'volume.json'));
  const { driver, image } = record as { readonly driver: string; readonly image?: string };
  return image ? `${driver} (${image} image)` : driver;
}
