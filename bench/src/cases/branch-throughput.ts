import type { BranchId, CreatedBranch } from '@pgfleet/contract';
import { sleep } from '@pgfleet/kit';
import { call, finished } from '../call.ts';
import type { BenchContext } from '../context.ts';
import { firstRowMs } from '../first-row.ts';
import { Load, stretchOf } from '../load.ts';
import type { Stretch } from '../load.ts';
import { round, toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { settled } from '../settled.ts';
import type { SizedTenant } from '../sized-tenant.ts';
import { proxyEnv } from '../tenant.ts';

const ROUNDS = 3;
const BRANCHES = 10;
const UNDISTURBED_MS = 10_000;

/**
 * Whether branches come with a compute, which takes its share of the machine too; and how long after one
 * the next is taken, should it be done before: the faster they are made, the more of them there are in
 * a second.
 */
const VARIANTS = {
  'parent under pgbench while 10 branches are taken': { endpoints: [], everyMs: 0 },
  'parent under pgbench while 10 branches are taken, one a second': {
    endpoints: [],
    everyMs: 1000,
  },
  'parent under pgbench while 10 branches with computes are taken': {
    endpoints: [{ type: 'read_write' }],
    everyMs: 0,
  },
} as const;

/**
 * What the parent loses while ten branches are taken, one after the other or one a second: transactions of
 * one run of pgbench, in stretches with and without, in turns, so that a slow moment hits both.
 */
export async function* branchThroughput(
  context: BenchContext,
  sized: SizedTenant,
): AsyncGenerator<Row> {
  for (const [name, wanted] of Object.entries(VARIANTS)) {
    yield await compare({ ...context, ...sized, name, ...wanted });
  }
}

interface Variant extends BenchContext, SizedTenant {
  readonly name: string;
  readonly endpoints: readonly object[];
  readonly everyMs: number;
}

async function compare(variant: Variant): Promise<Row> {
  const { tenant, ground, name } = variant;
  await firstRowMs(tenant.config);
  await using load = await Load.start(proxyEnv(tenant));
  const undisturbed: Stretch[] = [];
  const disturbed: Stretch[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    undisturbed.push(await stretchOf(() => sleep(UNDISTURBED_MS)));
    const ids: BranchId[] = [];
    disturbed.push(await stretchOf(() => takeBranches(variant, ids)));
    await deleteBranches(variant, ids);
  }
  const result = await load.finish({ undisturbed, disturbed });
  return toRow({
    bench: 'branch',
    case: name,
    samplesMs: result.disturbed.latenciesMs,
    baseline: 'transactions of the same run of pgbench, undisturbed',
    baselineMs: result.undisturbed.latenciesMs,
    details: {
      ...ground,
      ms_per_branch: Math.round(lengthMs(disturbed) / (ROUNDS * BRANCHES)),
      tps: Math.round(result.disturbed.tps),
      baseline_tps: Math.round(result.undisturbed.tps),
      tps_ratio: round(result.disturbed.tps / result.undisturbed.tps),
    },
  });
}

async function takeBranches(
  { platform, tenant, endpoints, everyMs }: Variant,
  ids: BranchId[],
): Promise<void> {
  for (let index = 0; index < BRANCHES; index++) {
    const pause = sleep(everyMs);
    const { branch, operations } = await call<CreatedBranch>(platform, {
      method: 'POST',
      path: `/projects/${tenant.projectId}/branches`,
      body: { endpoints },
    });
    ids.push(branch.id);
    await finished(platform, operations);
    await pause;
  }
}

async function deleteBranches(
  { platform, tenant }: Variant,
  ids: readonly BranchId[],
): Promise<void> {
  for (const id of ids) {
    const path = `/projects/${tenant.projectId}/branches/${id}?hard_delete=true`;
    await call(platform, { method: 'DELETE', path });
  }
  await settled(platform, tenant.projectId);
}

function lengthMs(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
}
