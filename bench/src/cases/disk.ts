import { execFile } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { CreatedBranch } from '@pgfleet/contract';
import type { Platform } from '@pgfleet/testkit';
import { call, finished } from '../call.ts';
import type { BenchContext } from '../context.ts';
import { FILE_COPY, fileCopies } from '../file-copy.ts';
import { toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { samplesWithin } from '../samples.ts';
import type { SizedTenant } from '../sized-tenant.ts';
import { configOf, first, suspend } from '../tenant.ts';
import { volumeRoot } from '../volume-root.ts';

const run = promisify(execFile);
const BUDGET_MS = 3_600_000;

/**
 * Disk and inodes of many branches of a parent that sleeps: of those that nobody opened, and of those
 * in which somebody made a table with a thousand rows before they fell asleep again.
 */
export async function* disk(context: BenchContext, sized: SizedTenant): AsyncGenerator<Row> {
  const copies = await fileCopies(sized.timeline, sized.tenant.login);
  for (const name of ['untouched', 'used'] as const) {
    const { platform } = context;
    const before = await usage(platform);
    const samples = await samplesWithin({ count: context.runs, budgetMs: BUDGET_MS }, () =>
      take(platform, sized, name),
    );
    const after = await usage(platform);
    const count = samples.length;
    yield toRow({
      bench: 'disk',
      case: `branches ${name}`,
      samplesMs: samples,
      baseline: FILE_COPY,
      baselineMs: copies.map(({ firstRowMs }) => firstRowMs),
      details: {
        ...sized.ground,
        bytes_per_branch: Math.round((after.bytes - before.bytes) / count),
        inodes_per_branch: Math.round((after.inodes - before.inodes) / count),
        baseline_bytes: await allocatedBytes(sized.timeline.dataDirectory),
      },
    });
  }
}

async function take(
  platform: Platform,
  { tenant }: SizedTenant,
  name: 'untouched' | 'used',
): Promise<number> {
  const start = performance.now();
  const created = await call<CreatedBranch>(platform, {
    method: 'POST',
    path: `/projects/${tenant.projectId}/branches`,
    body: { endpoints: name === 'used' ? [{ type: 'read_write' }] : [] },
  });
  if (name === 'used') await use(platform, tenant, created);
  await finished(platform, created.operations);
  return performance.now() - start;
}

async function use(
  platform: Platform,
  tenant: SizedTenant['tenant'],
  created: CreatedBranch,
): Promise<void> {
  const client = new Client(configOf(platform, first(created.connection_uris)));
  await client.connect();
  try {
    await client.query(
      `CREATE TABLE note AS SELECT n AS id, 'note ' || n AS body FROM generate_series(1, 1000) n`,
    );
  } finally {
    await client.end();
  }
  await suspend(platform, { ...tenant, endpointId: first(created.endpoints).id });
}

/** What the volume of the platform's only host has given out, once everything is written. */
async function usage(platform: Platform) {
  const volume = volumeRoot(platform);
  await run('sync', ['--file-system', volume]);
  const { bsize, blocks, bfree, files, ffree } = statfsSync(volume);
  return { bytes: (blocks - bfree) * bsize, inodes: files - ffree };
}

async function allocatedBytes(directory: string): Promise<number> {
  const { stdout } = await run('du', ['--summarize', '--block-size=1', directory]);
  return Number.parseInt(stdout, 10);
}
