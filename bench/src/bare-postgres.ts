import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { FileLock, waitUntil } from '@pgfleet/kit';
import type { ComputeRecord } from './compute-record.ts';
import { firstRowOfStartingServer } from './first-row.ts';

const START_TIMEOUT_MS = 30_000;

/** A timeline at rest, and the command line that its compute ran with. */
export interface TimelineAtRest {
  readonly dataDirectory: string;
  readonly lockPath: string;
  readonly postgres: string;
  readonly settings: readonly string[];
  /** Within the data directory. */
  readonly configFile: string;
}

/** Notes, while a compute runs, what a bare start of the same would be. */
export function describeCompute(record: ComputeRecord, postgres: string): TimelineAtRest {
  const argv = readFileSync(`/proc/${record.postmaster.pid}/cmdline`, 'utf8').split('\0');
  return { ...record, postgres, settings: settingsOf(argv), configFile: configFileOf(argv) };
}

// Paths inside a sandbox are of no use outside.
const PLACES = ['unix_socket_directories=', 'config_file='];

function settingsOf(argv: readonly string[]): string[] {
  return argv.filter(
    (word, index) =>
      argv[index - 1] === '-c' && !PLACES.some((setting) => word.startsWith(setting)),
  );
}

function configFileOf(argv: readonly string[]): string {
  const setting = argv.find((word) => word.startsWith('config_file='));
  return setting ? basename(setting) : 'postgresql.conf';
}

export interface BareStart {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * Starts Postgres on a timeline at rest without pgfleet, connects once, stops it, and says how long
 * it took from the start to the first row. It takes the timeline's lock, as everybody must.
 */
export async function bareStartMs(timeline: TimelineAtRest, login: BareStart): Promise<number> {
  using _lock = await lockAtRest(timeline.lockPath);
  const { uid, gid } = statSync(timeline.dataDirectory);
  const socketDirectory = mkdtempSync(join(tmpdir(), 'pgfleet-bench-'));
  chownSync(socketDirectory, uid, gid);
  const settings = [
    ...timeline.settings,
    `unix_socket_directories=${socketDirectory}`,
    `config_file=${join(timeline.dataDirectory, timeline.configFile)}`,
  ];
  try {
    const start = performance.now();
    const child = spawn(
      timeline.postgres,
      ['-D', timeline.dataDirectory, ...settings.flatMap((setting) => ['-c', setting])],
      { stdio: 'ignore', cwd: '/', ...(process.getuid?.() === 0 ? { uid, gid } : {}) },
    );
    const exited = once(child, 'exit');
    const signal = AbortSignal.timeout(START_TIMEOUT_MS);
    await firstRowOfStartingServer({ host: socketDirectory, port: 5432, ...login }, signal);
    const elapsed = performance.now() - start;
    child.kill('SIGINT');
    await exited;
    return elapsed;
  } finally {
    rmSync(socketDirectory, { recursive: true, force: true });
  }
}

/** Takes the lock of a timeline that was just suspended: its host may still be freezing it. */
export function lockAtRest(path: string): Promise<FileLock> {
  return waitUntil(() => FileLock.tryAcquire(path), {
    what: 'the timeline to be at rest; suspend its endpoint first',
    timeoutMs: 30_000,
  });
}
