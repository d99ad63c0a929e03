import { Client } from 'pg';
import type { CreatedBranch } from '@pgfleet/contract';
import { call } from '../call.ts';
import type { BenchContext } from '../context.ts';
import { FILE_COPY, fileCopies } from '../file-copy.ts';
import { firstRowMs } from '../first-row.ts';
import { Load, stretchOf } from '../load.ts';
import { percentile, toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { samplesWithin } from '../samples.ts';
import { settled } from '../settled.ts';
import type { SizedTenant } from '../sized-tenant.ts';
import { configOf, first, proxyEnv, suspend } from '../tenant.ts';
import { branchThroughput } from './branch-throughput.ts';

const BUDGET_MS = 180_000;

/**
 * From `POST …/branches` with an endpoint to the first row over SQL: of a parent that sleeps, that
 * idles and that is under load, against a copy of its files.
 */
export async function* branch(context: BenchContext, sized: SizedTenant): AsyncGenerator<Row> {
  const copies = await fileCopies(sized.timeline, sized.tenant.login);
  const shared = {
    bench: 'branch',
    baseline: FILE_COPY,
    baselineMs: copies.map((copy) => copy.firstRowMs),
  };
  const row = (name: string, { samples, details }: Taken) =>
    toRow({
      ...shared,
      case: name,
      samplesMs: samples.map((sample) => sample.firstRowMs),
      details: { ...sized.ground, answer_p50_ms: median(samples), ...details },
    });
  yield row('parent asleep', await ofSleeping(context, sized));
  yield row('parent idle', await ofIdle(context, sized));
  yield row('parent under pgbench', await ofLoaded(context, sized));
  yield* branchThroughput(context, sized);
}

interface Sample {
  readonly answerMs: number;
  readonly firstRowMs: number;
}

interface Taken {
  readonly samples: readonly Sample[];
  readonly details?: Readonly<Record<string, number>>;
}

async function ofSleeping(context: BenchContext, sized: SizedTenant): Promise<Taken> {
  await suspend(context.platform, sized.tenant);
  return { samples: await takeMany(context, sized, async () => undefined) };
}

async function ofIdle(context: BenchContext, sized: SizedTenant): Promise<Taken> {
  const wake = () => firstRowMs(sized.tenant.config);
  return { samples: await takeMany(context, sized, wake) };
}

async function ofLoaded(context: BenchContext, sized: SizedTenant): Promise<Taken> {
  await firstRowMs(sized.tenant.config);
  await using load = await Load.start(proxyEnv(sized.tenant));
  let samples: readonly Sample[] = [];
  const stretch = await stretchOf(async () => {
    samples = await takeMany(context, sized, async () => load.assertRunning());
  });
  const { meanwhile } = await load.finish({ meanwhile: [stretch] });
  return { samples, details: { parent_tps: Math.round(meanwhile.tps) } };
}

function takeMany(
  context: BenchContext,
  sized: SizedTenant,
  before: () => Promise<unknown>,
): Promise<Sample[]> {
  return samplesWithin({ count: context.runs, budgetMs: BUDGET_MS }, async () => {
    await before();
    return take(context, sized);
  });
}

// Until the branch is gone again: what deletes the one must not slow down the next.
async function take({ platform }: BenchContext, { tenant }: SizedTenant): Promise<Sample> {
  const path = `/projects/${tenant.projectId}/branches`;
  const start = performance.now();
  const created = await call<CreatedBranch>(platform, {
    method: 'POST',
    path,
    body: { endpoints: [{ type: 'read_write' }] },
  });
  const answerMs = performance.now() - start;
  const config = configOf(platform, first(created.connection_uris));
  await firstRowMs(config);
  const sample = { answerMs, firstRowMs: performance.now() - start };
  await assertHasData(config);
  await call(platform, { method: 'DELETE', path: `${path}/${created.branch.id}?hard_delete=true` });
  await settled(platform, tenant.projectId);
  return sample;
}

async function assertHasData(config: ReturnType<typeof configOf>): Promise<void> {
  const client = new Client(config);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pgbench_accounts WHERE aid = 1');
    if (rowCount !== 1) throw new Error('the branch lacks the data of its parent');
  } finally {
    await client.end();
  }
}

function median(samples: readonly Sample[]): number {
  return Math.round(
    percentile(
      samples.map(({ answerMs }) => answerMs),
      0.5,
    ),
  );
}
