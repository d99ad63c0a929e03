import { mkdirSync } from 'node:fs';
import { writeFileSync, renameSync, openSync, fsyncSync, closeSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileLock, readJsonFile } from '@pgfleet/kit';

// Above the ranges that systemd, container runtimes and login managers hand out (they end at
// 1,879,048,191), and below 2^31, where some tools stop.
const FIRST_UID = 1_900_000_000;
const LAST_UID = 2_147_483_000;
const BLOCK = 64;
const LOCK_ATTEMPTS = 2000;

/**
 * Hands out user ids that were never handed out before, by any host that shares the file.
 *
 * Ids are reserved on disk in blocks; the rest of a block is lost when the process ends, so that
 * an id cannot come back whatever is killed.
 */
export class UidCounter {
  readonly #path: string;
  readonly #first: number;
  #next = 0;
  #end = 0;

  constructor(path: string, first: number = FIRST_UID) {
    this.#path = path;
    this.#first = first;
  }

  /** @throws Error when all ids are used up. */
  next(): number {
    if (this.#next === this.#end) this.#reserve();
    return this.#next++;
  }

  #reserve(): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    using _lock = lockBriefly(`${this.#path}.lock`);
    const stored = readJsonFile(this.#path) as { readonly next: number } | undefined;
    const next = Math.max(stored?.next ?? 0, this.#first);
    if (next + BLOCK > LAST_UID) throw new Error('no user ids are left for new projects');
    writeDurably(this.#path, JSON.stringify({ next: next + BLOCK }));
    [this.#next, this.#end] = [next, next + BLOCK];
  }
}

// The holder only reads and writes one small file, so waiting here without yielding is short.
function lockBriefly(path: string): FileLock {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    const lock = FileLock.tryAcquire(path);
    if (lock) return lock;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  throw new Error(`another process keeps ${path} locked`);
}

function writeDurably(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { flush: true, mode: 0o600 });
  renameSync(`${path}.new`, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
