import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from '../context.ts';
import { firstRowMs, firstRowOfStartingServer } from '../first-row.ts';
import { toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { createTenant, deleteTenant } from '../tenant.ts';

// The user that owns no files: initdb insists on one that is not root and has a passwd entry.
const NOBODY = { uid: 65_534, gid: 65_534 };

/** From `POST /projects` to the first row over SQL, against `initdb`, start and connect by hand. */
export async function provision({ platform, runs, postgresBin }: BenchContext): Promise<Row[]> {
  const samplesMs: number[] = [];
  const answersMs: number[] = [];
  const baselineMs: number[] = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    const tenant = await createTenant(platform, `bench-${run}`);
    answersMs.push(performance.now() - start);
    await firstRowMs(tenant.config);
    samplesMs.push(performance.now() - start);
    await deleteTenant(platform, tenant);
    if (run % 4 === 0) baselineMs.push(await byHandMs(postgresBin));
  }
  const baseline = 'initdb, start, connect';
  return [
    toRow({ bench: 'provision', case: 'create to first row', samplesMs, baseline, baselineMs }),
    toRow({
      bench: 'provision',
      case: 'create to 201',
      samplesMs: answersMs,
      baseline,
      baselineMs,
    }),
  ];
}

async function byHandMs(bin: string): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'pgfleet-bench-'));
  const owner = process.getuid?.() === 0 ? NOBODY : undefined;
  if (owner) chownSync(directory, owner.uid, owner.gid);
  const data = join(directory, 'data');
  try {
    const start = performance.now();
    await runToEnd(join(bin, 'initdb'), ['-D', data, '-U', 'owner', '-A', 'trust'], owner);
    const settings = [`unix_socket_directories=${directory}`, 'listen_addresses='];
    const server = spawn(
      join(bin, 'postgres'),
      ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      { stdio: 'ignore', cwd: '/', ...owner },
    );
    const exited = once(server, 'exit');
    await firstRowOfStartingServer(
      { host: directory, port: 5432, user: 'owner', database: 'postgres' },
      AbortSignal.timeout(30_000),
    );
    const elapsed = performance.now() - start;
    server.kill('SIGINT');
    await exited;
    return elapsed;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runToEnd(
  program: string,
  args: readonly string[],
  owner?: typeof NOBODY,
): Promise<void> {
  const child = spawn(program, args, { stdio: 'ignore', cwd: '/', ...owner });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}
