import type { ClientConfig } from 'pg';
import type { Platform } from '@pgfleet/testkit';
import { readComputeRecord } from '../compute-record.ts';
import type { BenchContext } from '../context.ts';
import { firstRowMs } from '../first-row.ts';
import { initialise, selectOnly } from '../pgbench.ts';
import type { PgEnvironment } from '../pgbench.ts';
import { percentile, round, toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { createTenant, deleteTenant, proxyEnv, socketEnv } from '../tenant.ts';
import type { Tenant } from '../tenant.ts';

// As much as the machine has: the proxy is measured, not the limits of the compute.
const UNLIMITED_CU = 2;
const SCALE = 5;
const SECONDS = 2;
const ROUNDS = 5;
const BASELINE = 'the same Postgres over its Unix socket';

/** A direct connection through the proxy against the compute's own Unix socket. */
export async function connect({ platform, runs }: BenchContext): Promise<Row[]> {
  const tenant = await createTenant(platform, 'bench-connect', { cu: UNLIMITED_CU });
  try {
    await firstRowMs(tenant.config);
    const paths = { proxy: proxyEnv(tenant), socket: await socketEnv(platform, tenant) };
    await initialise(SCALE, paths.socket);
    const rows: Row[] = [];
    for (const clients of [1, 16]) rows.push(await compare(clients, paths));
    rows.push(await newConnections({ platform, tenant, runs }));
    return rows;
  } finally {
    await deleteTenant(platform, tenant);
  }
}

interface Paths {
  readonly proxy: PgEnvironment;
  readonly socket: PgEnvironment;
}

// Both sides in turns, so that a noisy moment of the machine hits both.
async function compare(clients: number, { proxy, socket }: Paths): Promise<Row> {
  const ours = { latenciesMs: [] as number[], tps: [] as number[] };
  const theirs = { latenciesMs: [] as number[], tps: [] as number[] };
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const [side, env] of [
      [theirs, socket],
      [ours, proxy],
    ] as const) {
      const result = await selectOnly({ clients, seconds: SECONDS, env });
      side.latenciesMs.push(percentile(result.latenciesMs, 0.5));
      side.tps.push(result.tps);
    }
  }
  const addedUs = 1000 * (median(ours.latenciesMs) - median(theirs.latenciesMs));
  return toRow({
    bench: 'connect',
    case: `pgbench -S, ${clients} ${clients === 1 ? 'client' : 'clients'}, TLS`,
    samplesMs: ours.latenciesMs,
    baseline: BASELINE,
    baselineMs: theirs.latenciesMs,
    details: {
      added_us: round(addedUs),
      tps: Math.round(median(ours.tps)),
      baseline_tps: Math.round(median(theirs.tps)),
      tps_ratio: round(median(ours.tps) / median(theirs.tps)),
    },
  });
}

interface NewConnections {
  readonly platform: Platform;
  readonly tenant: Tenant;
  readonly runs: number;
}

async function newConnections({ platform, tenant, runs }: NewConnections): Promise<Row> {
  const samplesMs: number[] = [];
  const baselineMs: number[] = [];
  const direct: ClientConfig = {
    host: (await readComputeRecord(platform, tenant)).socketDirectory,
    port: 5432,
    ...tenant.login,
  };
  for (let run = 0; run < runs; run++) {
    baselineMs.push(await firstRowMs(direct));
    samplesMs.push(await firstRowMs(tenant.config));
  }
  return toRow({
    bench: 'connect',
    case: 'new connection to first row, TLS and SCRAM',
    samplesMs,
    baseline: BASELINE,
    baselineMs,
  });
}

function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}
