import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileLock, isLocked } from './file-lock.ts';
import { waitUntil } from './wait.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgfleet-lock-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a second holder is refused until the first lets go', () => {
  const path = join(directory, 'lock');
  expect(isLocked(path)).toBe(false);
  const first = FileLock.tryAcquire(path);
  expect(first).toBeDefined();
  expect(isLocked(path)).toBe(true);
  expect(FileLock.tryAcquire(path)).toBeUndefined();
  first?.release();
  using second = FileLock.tryAcquire(path);
  expect(second).toBeDefined();
});

test('a child that inherits the descriptor keeps the lock, and kill -9 frees it', async () => {
  const path = join(directory, 'lock');
  const lock = FileLock.tryAcquire(path)!;
  const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
  await once(child, 'spawn');
  lock.release();
  expect(FileLock.tryAcquire(path)).toBeUndefined();
  child.kill('SIGKILL');
  await waitUntil(() => !isLocked(path), { what: 'the lock to be free', timeoutMs: 5000 });
});

test('a released lock has no descriptor to give, since that may be another file by then', () => {
  const lock = FileLock.tryAcquire(join(directory, 'lock'))!;
  expect(lock.fd).toBeGreaterThan(2);
  lock.release();
  expect(() => lock.fd).toThrow('was released');
});

test('whoever only looks whether it is held does not keep it from a taker', async () => {
  const path = join(directory, 'lock');
  FileLock.tryAcquire(path)?.release();
  const looking = `
    const flock = require('koffi').load(null).func('int flock(int, int)');
    const fd = require('node:fs').openSync(process.argv[1]);
    console.log('looking');
    for (;;) { flock(fd, 1 | 4); flock(fd, 8); }`;
  const child = spawn(process.execPath, ['-e', looking, path], { cwd: import.meta.dirname });
  try {
    await once(child.stdout, 'data');
    for (let taken = 0; taken < 2000; taken++) {
      const lock = FileLock.tryAcquire(path);
      expect(lock).toBeDefined();
      lock?.release();
    }
  } finally {
    child.kill('SIGKILL');
  }
});
