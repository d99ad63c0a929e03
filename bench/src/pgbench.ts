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
// Ten gigabytes on a slow disk.
const INITIALISE_TIMEOUT_MS = 1_800_000;
const RUN_TIMEOUT_MS = 120_000;

/** `PG…` variables that say where to connect. */
export type PgEnvironment = Readonly<Record<string, string>>;

export interface PgbenchRun {
  readonly clients: number;
  readonly seconds: number;
  readonly env: PgEnvironment;
}

export interface Throughput {
  readonly tps: number;
  /** Latency of every transaction, in milliseconds. */
  readonly latenciesMs: readonly number[];
}

export interface PgbenchProcess {
  readonly env: PgEnvironment;
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Fills the tables of pgbench. */
export async function initialise(scale: number, env: PgEnvironment): Promise<void> {
  const process = { env, cwd: tmpdir(), timeoutMs: INITIALISE_TIMEOUT_MS };
  await pgbench(['-i', '-q', '-s', String(scale)], process);
}

/** Runs the select-only script and reads the log of every transaction. */
export async function selectOnly({ clients, seconds, env }: PgbenchRun): Promise<Throughput> {
  const directory = mkdtempSync(join(tmpdir(), 'pgfleet-pgbench-'));
  try {
    const threads = String(Math.min(clients, 2));
    const flags = ['-S', '-n', '-l', '-c', String(clients), '-j', threads, '-T', String(seconds)];
    const output = await pgbench(flags, { env, cwd: directory, timeoutMs: RUN_TIMEOUT_MS });
    return {
      tps: parseTps(output),
      latenciesMs: readTransactions(directory).map(({ elapsedMs }) => elapsedMs),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs pgbench to its end and returns what it printed. */
export async function pgbench(
  args: readonly string[],
  { env, cwd, timeoutMs, signal }: PgbenchProcess,
): Promise<string> {
  for (const program of CANDIDATES) {
    try {
      const variables = { ...env, PATH: process.env['PATH'] };
      const options = { cwd, env: variables, timeout: timeoutMs, ...(signal && { signal }) };
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

export interface Transaction {
  readonly elapsedMs: number;
  /** When it ended, in milliseconds since 1970. */
  readonly endedAtMs: number;
}

/** Reads the logs that `pgbench -l` has written to a directory so far. */
export function readTransactions(directory: string): Transaction[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('pgbench_log'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1))
    .map(parseTransaction);
}

// client, number, elapsed microseconds, script, second and microsecond of its end.
function parseTransaction(line: string): Transaction {
  const [, , elapsedUs, , seconds, microseconds] = line.split(' ').map(Number);
  return {
    elapsedMs: elapsedUs! / 1000,
    endedAtMs: seconds! * 1000 + microseconds! / 1000,
  };
}
