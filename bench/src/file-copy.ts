import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bareStartMs, lockAtRest } from './bare-postgres.ts';
import type { BareStart, TimelineAtRest } from './bare-postgres.ts';
import { samplesWithin } from './samples.ts';

const run = promisify(execFile);

// Copies of ten gigabytes take a minute each.
const BUDGET_MS = 20_000;
const MAX_COPIES = 5;
const COPY_TIMEOUT_MS = 1_800_000;

/** What people do who have no clones, step by step. */
export interface FileCopy {
  /** Until the copy was there; nothing was synced. */
  readonly copyMs: number;
  /** Until the first row came out of the copy. */
  readonly firstRowMs: number;
}

export const FILE_COPY = 'cp -a of the stopped data directory, start, one connect';

/**
 * Copies a timeline at rest byte by byte out of its volume, starts plain Postgres on the copy and
 * reads a row; a few times, fewer when it takes long. What is measured next finds a quiet disk.
 */
export async function fileCopies(timeline: TimelineAtRest, login: BareStart): Promise<FileCopy[]> {
  const copies = await samplesWithin({ count: MAX_COPIES, budgetMs: BUDGET_MS }, () => {
    return fileCopy(timeline, login);
  });
  await run('sync', { timeout: COPY_TIMEOUT_MS });
  return copies;
}

async function fileCopy(timeline: TimelineAtRest, login: BareStart): Promise<FileCopy> {
  const directory = mkdtempSync(join(tmpdir(), 'pgfleet-copy-'));
  // Postgres runs as the owner of the data and has to pass through.
  chmodSync(directory, 0o711);
  const dataDirectory = join(directory, 'data');
  const lockPath = join(directory, 'lock');
  try {
    const copyMs = await copyTree(timeline, dataDirectory);
    const startMs = await bareStartMs({ ...timeline, dataDirectory, lockPath }, login);
    return { copyMs, firstRowMs: copyMs + startMs };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function copyTree({ dataDirectory, lockPath }: TimelineAtRest, to: string): Promise<number> {
  using _lock = await lockAtRest(lockPath);
  const start = performance.now();
  // A `cp` that clones by itself would be no baseline for clones.
  await run('cp', ['-a', '--reflink=never', dataDirectory, to], { timeout: COPY_TIMEOUT_MS });
  return performance.now() - start;
}
