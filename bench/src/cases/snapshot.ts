import type { CreatedSnapshot } from '@pgfleet/contract';
import { call, finished } from '../call.ts';
import type { BenchContext } from '../context.ts';
import { fileCopies } from '../file-copy.ts';
import { firstRowMs } from '../first-row.ts';
import { Load } from '../load.ts';
import { toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { samplesWithin } from '../samples.ts';
import { settled } from '../settled.ts';
import type { SizedTenant } from '../sized-tenant.ts';
import { proxyEnv } from '../tenant.ts';

const BUDGET_MS = 120_000;

/** `POST …/snapshot` to its answer and to the end of its operation, against a copy of the files. */
export async function* snapshot(context: BenchContext, sized: SizedTenant): AsyncGenerator<Row> {
  const copies = await fileCopies(sized.timeline, sized.tenant.login);
  const shared = {
    bench: 'snapshot',
    baseline: 'cp -a of the stopped data directory',
    baselineMs: copies.map(({ copyMs }) => copyMs),
    details: sized.ground,
  };
  const rows = (state: string, samples: readonly Sample[]) => [
    toRow({
      ...shared,
      case: `answer, ${state}`,
      samplesMs: samples.map(({ answerMs }) => answerMs),
    }),
    toRow({
      ...shared,
      case: `end of its operation, ${state}`,
      samplesMs: samples.map(({ endMs }) => endMs),
    }),
  ];
  yield* rows('idle', await ofIdle(context, sized));
  yield* rows('under pgbench', await ofLoaded(context, sized));
}

interface Sample {
  readonly answerMs: number;
  readonly endMs: number;
}

function ofIdle(context: BenchContext, sized: SizedTenant): Promise<Sample[]> {
  return takeMany(context, sized, () => firstRowMs(sized.tenant.config));
}

async function ofLoaded(context: BenchContext, sized: SizedTenant): Promise<Sample[]> {
  await firstRowMs(sized.tenant.config);
  await using load = await Load.start(proxyEnv(sized.tenant));
  const samples = await takeMany(context, sized, async () => load.assertRunning());
  load.assertRunning();
  return samples;
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

async function take({ platform }: BenchContext, { tenant }: SizedTenant): Promise<Sample> {
  const path = `/projects/${tenant.projectId}`;
  const start = performance.now();
  const created = await call<CreatedSnapshot>(platform, {
    method: 'POST',
    path: `${path}/branches/${tenant.branchId}/snapshot`,
  });
  const answerMs = performance.now() - start;
  await finished(platform, created.operations);
  const sample = { answerMs, endMs: performance.now() - start };
  await call(platform, { method: 'DELETE', path: `${path}/snapshots/${created.snapshot.id}` });
  await settled(platform, tenant.projectId);
  return sample;
}
