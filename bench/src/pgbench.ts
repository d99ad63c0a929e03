import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hasErrorCode } from '@pgfleet/kit';

const run = promisify(execFile);

// Debian keeps it out of PATH.
const CANDIDATES = [
  'pgbench',
  ...[18, 17, 16, 15, 14].map((major) => `/usr/lib/postgresql/${major}/bin/pgbench`),
];

export interface PgbenchRun {
  readonly clients: number;
  readonly seconds: number;
  /** `PG…` variables that say where to connect. */
  readonly env: Readonly<Record<string, string>>;
}

export interface PgbenchResult {
  readonly tps: number;
  /** Latency of every transaction, in milliseconds. */
  readonly latenciesMs: readonly number[];
}

/** Fills the tables of pgbench. */
export async function initialise(scale: number, env: PgbenchRun['env']): Promise<void> {
  await pgbench(['-i', '-q', '-s', String(scale)], env, tmpdir());
}

/** Runs the select-only script and reads the log of every transaction. */
export async function selectOnly({ clients, seconds, env }: PgbenchRun): Promise<PgbenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'pgfleet-pgbench-'));
  try {
    const threads = String(Math.min(clients, 2));
    const flags = ['-S', '-n', '-l', '-c', String(clients), '-j', threads, '-T', String(seconds)];
    const output = await pgbench(flags, env, directory);
    return { tps: parseTps(output), latenciesMs: readLatencies(directory) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function pgbench(
  args: readonly string[],
  env: PgbenchRun['env'],
  cwd: string,
): Promise<string> {
  for (const program of CANDIDATES) {
    try {
      const options = { cwd, env: { ...env, PATH: process.env['PATH'] }, timeout: 120_000 };
      return (await run(program, args, options)).stdout;
    } catch (error) {
      if (!hasErrorCode(error, 'ENOENT')) throw error;
    }
  }
  throw new Error('this benchmark needs pgbench: install the postgresql package of your system');
}

function parseTps(output: string): number {
  const match = /tps = ([\d.]+)/.exec(output);
  if (!match) throw new Error(`pgbench printed no throughput:\n${output}`);
  return Number(match[1]);
}

// Third column of the transaction log: elapsed microseconds.
function readLatencies(directory: string): number[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('pgbench_log'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
    .map((line) => Number(line.split(' ')[2]) / 1000);
}
