import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@pgfleet/kit';
import { bareStartMs, describeCompute } from '../bare-postgres.ts';
import { readComputeRecord } from '../compute-record.ts';
import type { BenchContext } from '../context.ts';
import { firstRowMs } from '../first-row.ts';
import { toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { createTenant, deleteTenant, suspend } from '../tenant.ts';

/** From connect to the first row of a sleeping endpoint, against a bare start of the same. */
export async function wake({ platform, runs, postgresBin }: BenchContext): Promise<Row[]> {
  const tenant = await createTenant(platform, 'bench-wake');
  try {
    await firstRowMs(tenant.config);
    const timeline = describeCompute(
      await readComputeRecord(platform, tenant),
      join(postgresBin, 'postgres'),
    );
    const clean: number[] = [];
    const crashed: number[] = [];
    const bare: number[] = [];
    for (let run = 0; run < runs; run++) {
      await suspend(platform, tenant);
      bare.push(await bareStartMs(timeline, tenant.login));
      clean.push(await firstRowMs(tenant.config));
      if (run % 4 !== 3) continue;
      await killPostmaster((await readComputeRecord(platform, tenant)).postmaster.pid);
      crashed.push(await firstRowMs(tenant.config));
    }
    const baseline = 'bare start of the same directory and settings, one connect';
    const rows = { bench: 'wake', baseline, baselineMs: bare };
    return [
      toRow({ ...rows, case: 'asleep to first row', samplesMs: clean }),
      toRow({ ...rows, case: 'killed to first row', samplesMs: crashed }),
    ];
  } finally {
    await deleteTenant(platform, tenant);
  }
}

async function killPostmaster(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await waitUntil(() => hasEnded(pid), { what: 'the postmaster to end', timeoutMs: 5000 });
}

function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}
