import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { sleep } from '@pgfleet/kit';
import { call } from '../call.ts';
import type { BenchContext } from '../context.ts';
import { fileCopies } from '../file-copy.ts';
import { Load } from '../load.ts';
import { toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { samplesWithin } from '../samples.ts';
import type { SizedTenant } from '../sized-tenant.ts';
import { proxyEnv } from '../tenant.ts';

/*
 * Restores a branch to a moment of its own past and measures from `POST …/restore` to the first row
 * of that past through the same connection URI. A row that was written after that moment tells the
 * past from the present: until the branch has swung, the present still answers.
 *
 * Every sample needs a past as long as it goes back, so time, not `--runs`, bounds their number.
 */

const BUDGET_MS = 360_000;
// The branch's own past begins a moment after the answer of what made it.
const MARGIN_SECONDS = 2;
const PATIENCE_MS = 60_000;

/** From `POST …/restore` to the first row of the past, against a backup of the files put back. */
export async function* restore(context: BenchContext, sized: SizedTenant): AsyncGenerator<Row> {
  const copies = await fileCopies(sized.timeline, sized.tenant.login);
  const row = (name: string, samplesMs: readonly number[]) =>
    toRow({
      bench: 'restore',
      case: `${name}, to ${context.ageSeconds} s ago`,
      samplesMs,
      baseline: 'cp -a of a backup of the files, without its WAL; start, one connect',
      baselineMs: copies.map(({ firstRowMs }) => firstRowMs),
      details: sized.ground,
    });
  await createMarks(sized.tenant.config);
  yield row('idle', await takeMany(context, (index) => ofIdle(context, sized, index)));
  yield row('under pgbench', await takeMany(context, (index) => ofLoaded(context, sized, index)));
}

function takeMany(
  { runs }: BenchContext,
  take: (index: number) => Promise<number>,
): Promise<number[]> {
  return samplesWithin({ count: runs, budgetMs: BUDGET_MS }, take);
}

async function ofIdle(context: BenchContext, sized: SizedTenant, index: number): Promise<number> {
  await sleep(1000 * (context.ageSeconds + MARGIN_SECONDS));
  return takeMs(context, sized, `idle ${index}`);
}

// The end of the present ends pgbench too, so every sample has its own.
async function ofLoaded(context: BenchContext, sized: SizedTenant, index: number): Promise<number> {
  await query(sized.tenant.config, 'SELECT 1');
  await using load = await Load.start(proxyEnv(sized.tenant));
  await sleep(1000 * (context.ageSeconds + MARGIN_SECONDS));
  load.assertRunning();
  return await takeMs(context, sized, `under pgbench ${index}`);
}

async function takeMs(
  { platform, ageSeconds }: BenchContext,
  { tenant }: SizedTenant,
  name: string,
): Promise<number> {
  const at = new Date(Date.now() - 1000 * ageSeconds).toISOString();
  await query(tenant.config, `INSERT INTO bench_marks VALUES ('${name}')`);
  const start = performance.now();
  await call(platform, {
    method: 'POST',
    path: `/projects/${tenant.projectId}/branches/${tenant.branchId}/restore`,
    body: {
      source_branch_id: tenant.branchId,
      source_timestamp: at,
      preserve_under_name: `before ${name}`,
    },
  });
  while (await isPresent(tenant.config, name)) {
    if (performance.now() - start > PATIENCE_MS) throw new Error('the branch was not restored');
  }
  const elapsed = performance.now() - start;
  await platform.settle(tenant.projectId);
  return elapsed;
}

// Connections of the present end when the branch swings; everything else is worth a failure.
async function isPresent(config: ClientConfig, name: string): Promise<boolean> {
  try {
    return (await query(config, `SELECT FROM bench_marks WHERE name = '${name}'`)) > 0;
  } catch (error) {
    if (isCutOff(error)) return true;
    throw error;
  }
}

function isCutOff(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return /^(57P0[1-3]|08\w{3}|ECONNRESET)$/.test(code) || /terminated/.test(error.message);
}

async function createMarks(config: ClientConfig): Promise<void> {
  await query(config, 'CREATE TABLE bench_marks (name text PRIMARY KEY)');
}

async function query(config: ClientConfig, text: string): Promise<number> {
  const client = new Client(config);
  // What happens to it while nothing is asked shows in the next question.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}
