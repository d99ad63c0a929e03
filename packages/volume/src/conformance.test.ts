import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger, waitUntil } from '@pgfleet/kit';
import { describe, expect, it } from 'vitest';
import { runCommand } from './command.ts';
import { rootLayout } from './layout.ts';
import { openVolume } from './open-volume.ts';
import { findGrounds } from './test-grounds.ts';
import {
  mountTmpfs,
  smallestBytes,
  swept,
  TestDirectory,
  TestVolume,
  unpublished,
} from './test-volume.ts';
import { stepBytes } from './trees/share-file.js';
import type { TreeJob } from './trees/tree-jobs.js';
import type { Volume } from './volume.ts';
import { VolumeError } from './volume-error.ts';

const isRoot = process.geteuid?.() === 0;
const tenant = { uid: 61_001, gid: 61_002 };

for (const ground of await findGrounds()) {
  const { driver, obstacle } = ground;
  const why = obstacle ? ` (skipped: ${obstacle})` : '';
  describe.skipIf(obstacle)(`a ${ground.name} volume${why}`, () => {
    describe('names', () => {
      it('accepts only what can be one entry of a flat directory', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        const bad = ['', '.', '..', 'a/b', '../a', '/a', 'A', '-a', 'a_b', 'a.b', 'a\0', 'a\n'];
        for (const name of [...bad, 'a'.repeat(81)]) {
          const refused = expect.objectContaining({ code: 'bad_tree_name' });
          expect(() => volume.path(name)).toThrow(refused);
          await expect(volume.create(name)).rejects.toThrow(refused);
          await expect(volume.remove(name)).rejects.toThrow(refused);
          await expect(volume.rename('a', name)).rejects.toThrow();
        }
        await volume.create('a'.repeat(80));
        expect(await volume.list()).toEqual(['a'.repeat(80)]);
      });

      it('are taken once', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await volume.create('a');
        await volume.create('b');
        const taken = expect.objectContaining({ code: 'tree_exists' });
        await expect(volume.create('a')).rejects.toThrow(taken);
        await expect(volume.clone('a', 'b')).rejects.toThrow(taken);
        await expect(volume.rename('a', 'b')).rejects.toThrow(taken);
        const race = await Promise.allSettled([volume.clone('a', 'c'), volume.clone('b', 'c')]);
        expect(race.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
        expect(await volume.list()).toEqual(['a', 'b', 'c']);
      });

      it('of missing trees are refused as sources and leave nothing behind', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        const missing = expect.objectContaining({ code: 'tree_missing' });
        await expect(volume.clone('a', 'b')).rejects.toThrow(missing);
        await expect(volume.rename('a', 'b')).rejects.toThrow(missing);
        await expect(volume.sync('a')).rejects.toThrow(missing);
        await expect(volume.treeUsage('a')).rejects.toThrow(missing);
        expect(await volume.list()).toEqual([]);
        expect(await unpublished(volume)).toEqual([]);
      });

      it('move with a rename', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await writeFile(join(await volume.create('a'), 'file'), 'content');
        await volume.rename('a', 'b');
        expect(await volume.list()).toEqual(['b']);
        expect(await readFile(join(volume.path('b'), 'file'), 'utf8')).toBe('content');
      });
    });

    describe('a new tree', () => {
      it('is empty and private', async () => {
        await using test = await TestVolume.open(ground);
        const path = await test.volume.create('a');
        expect(path).toBe(test.volume.path('a'));
        expect(await readdir(path)).toEqual([]);
        expect((await lstat(path)).mode & 0o777).toBe(0o700);
        expect(await test.volume.exists('a')).toBe(true);
        expect(await test.volume.exists('b')).toBe(false);
      });

      it.runIf(isRoot)('belongs to the owner it was created for', async () => {
        await using test = await TestVolume.open(ground);
        expect(await lstat(await test.volume.create('a', { owner: tenant }))).toMatchObject(tenant);
      });
    });

    describe('a clone', () => {
      it('has the same files, modes, links and owners', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await fillTree(await volume.create('a'));
        await volume.clone('a', 'b');
        expect(await describeTree(volume.path('b'))).toEqual(await describeTree(volume.path('a')));
      });

      it.runIf(isRoot)('can belong to another owner, whole and without changing it', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await fillTree(await volume.create('a'));
        const before = await describeTree(volume.path('a'));
        await volume.clone('a', 'b', { owner: tenant });
        const owned = before.map((line) => line.replace(/ \d+:\d+ /, ' 61001:61002 '));
        expect(await describeTree(volume.path('b'))).toEqual(owned);
        expect(await describeTree(volume.path('a'))).toEqual(before);
      });

      it('is independent of its source in both directions', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        const file = (tree: string) => join(volume.path(tree), 'file');
        await volume.create('a');
        await writeFile(file('a'), 'first');
        await volume.clone('a', 'b');
        await writeFile(file('a'), 'source');
        await volume.clone('b', 'c');
        await writeFile(file('b'), 'clone');
        await volume.remove('a');
        expect(await readFile(file('b'), 'utf8')).toBe('clone');
        expect(await readFile(file('c'), 'utf8')).toBe('first');
      });

      it('can be made many times at once from one source', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await fillTree(await volume.create('a'));
        const names = Array.from({ length: 12 }, (_, index) => `b${index}`);
        await Promise.all(names.map((name) => volume.clone('a', name)));
        const original = await describeTree(volume.path('a'));
        for (const name of names) {
          expect(await describeTree(volume.path(name))).toEqual(original);
        }
      });

      it('can do without what is at the top under some names', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        const path = await volume.create('a');
        await fillTree(path);
        await mkdir(join(path, 'pg_wal', 'archive_status'), { recursive: true, mode: 0o750 });
        await writeFile(join(path, 'pg_wal', '000000010000000000000001'), 'a segment');
        await writeFile(join(path, 'base', 'postmaster.pid'), 'deeper, hence another one');
        await writeFile(join(path, 'postmaster.pid'), '42');
        const whole = await describeTree(path);
        const exclude = ['pg_wal', 'postmaster.pid', 'link', 'not-there'];
        const { path: clone } = await volume.clone('a', 'b', { exclude });
        const kept = whole.filter((line) => !/^(pg_wal\/|postmaster\.pid|link)/.test(line));
        expect(await describeTree(clone)).toEqual(kept);
        expect(kept).toContainEqual(expect.stringMatching(/^pg_wal 40750 /));
        expect(await describeTree(path)).toEqual(whole);
      });

      it('cannot do without less than an entry at the top', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await volume.create('a');
        for (const name of ['', '.', '..', '/', 'base/1', '../a', 'a\0']) {
          await expect(volume.clone('a', 'b', { exclude: [name] })).rejects.toThrow(TypeError);
        }
        expect(await volume.list()).toEqual(['a']);
      });

      it('leaves nothing when it is cancelled', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await manyFiles(await volume.create('a'), 500);
        const gone = new Error('the client went away');
        await expect(volume.clone('a', 'b', { signal: AbortSignal.abort(gone) })).rejects.toThrow(
          gone,
        );
        const controller = new AbortController();
        const clone = volume.clone('a', 'b', { signal: controller.signal });
        controller.abort(gone);
        await expect(clone).rejects.toThrow(gone);
        expect(await volume.list()).toEqual(['a']);
        expect(await unpublished(volume)).toEqual([]);
      });

      it('leaves the event loop free', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await manyFiles(await volume.create('a'), 2000);
        const clone = { done: false, turns: 0 };
        const count = () => {
          clone.turns += 1;
          if (!clone.done) setImmediate(count);
        };
        setImmediate(count);
        await volume.clone('a', 'b', { owner: tenant });
        clone.done = true;
        // Walking two thousand files on the event loop would leave but the turns before and after.
        expect(clone.turns).toBeGreaterThan(20);
      });

      it('shares its blocks if the volume says so', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        const fileBytes = 32 * 2 ** 20;
        await writeFile(join(await volume.create('a'), 'file'), Buffer.alloc(fileBytes, 7));
        await volume.sync('a');
        const before = await volume.usage();
        await volume.clone('a', 'b');
        await volume.sync('b');
        const written = before.freeBytes - (await volume.usage()).freeBytes;
        // A copying volume is not measured: here it shares its disk with other processes.
        const limit = volume.copyOnWrite ? fileBytes / 4 : Number.POSITIVE_INFINITY;
        expect(written).toBeLessThan(limit);
        expect(volume.copyOnWrite).toBe(driver !== 'copy');
      });

      it('of a tree that is being written keeps the order of synced writes, if the volume says so', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        if (!volume.atomicWhileRunning) return;
        const path = await volume.create('a');
        await using writer = await LockstepWriter.start(path);
        for (let index = 0; index < 10; index++) {
          const synced = writer.synced;
          await volume.clone('a', `b${index}`);
          const [first, second] = await writer.read(volume.path(`b${index}`));
          expect([0, 1]).toContain(first - second);
          expect(second).toBeGreaterThanOrEqual(synced);
        }
      });

      it('of a tree in use has all files but those that vanish', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        const path = await volume.create('a');
        await manyFiles(path, 300);
        const lasting = await readdir(path);
        await using _churn = churnFiles(path);
        for (let index = 0; index < 5; index++) {
          const { path: clone } = await volume.clone('a', `b${index}`, {
            inUse: true,
            owner: tenant,
          });
          expect(await readdir(clone)).toEqual(expect.arrayContaining(lasting));
        }
      });

      it('of a large file has every byte of it, whatever its length', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        const path = await volume.create('a');
        const sizes = [2 * stepBytes, 2 * stepBytes + 8192, 3 * stepBytes - 1];
        for (const size of sizes) await writeFile(join(path, `of-${size}`), randomBytes(size));
        const { path: clone } = await volume.clone('a', 'b');
        for (const size of sizes) {
          const [original, copy] = await Promise.all(
            [path, clone].map((tree) => readFile(join(tree, `of-${size}`))),
          );
          expect(copy?.equals(original!)).toBe(true);
        }
      });
    });

    describe('a removed tree', () => {
      it('is gone, and gone already is no error', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await fillTree(await volume.create('a'));
        await Promise.all([volume.remove('a'), volume.remove('a')]);
        await volume.remove('a');
        expect(await volume.list()).toEqual([]);
        await swept(volume);
      });

      it('frees its name at once', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await manyFiles(await volume.create('a'), 300);
        const removal = volume.remove('a');
        await waitUntil(async () => !(await volume.exists('a')), {
          what: 'the tree to disappear',
          timeoutMs: 5000,
          intervalMs: 1,
        });
        await volume.create('a');
        await removal;
        expect(await readdir(volume.path('a'))).toEqual([]);
      });
    });

    describe.runIf(isRoot && driver !== 'btrfs')(
      'a removed tree that cannot be taken apart',
      () => {
        it('is tried again until it can be', async () => {
          await using test = await TestVolume.open(ground);
          const { volume } = test;
          await manyFiles(await volume.create('a'), 10);
          // What is mounted in a tree moves with it; btrfs deletes a subvolume all the same.
          await mountTmpfs(join(volume.path('a'), 'mounted'), 1 << 20);
          await volume.remove('a');
          const { trash } = rootLayout(volume.root);
          const [removed = ''] = await readdir(trash);
          try {
            await volume.create('a');
            await volume.remove('a');
            expect(await volume.list()).toEqual([]);
            await waitUntil(async () => (await unpublished(volume)).length === 1, {
              what: 'the other tree to be gone',
              timeoutMs: 10_000,
            });
          } finally {
            await runCommand('umount', [join(trash, removed, 'mounted')]);
          }
          await swept(volume);
        });
      },
    );

    describe('restarts and crashes', () => {
      it('keeps its trees', async () => {
        await using test = await TestVolume.open(ground);
        await fillTree(await test.volume.create('a'));
        const before = await describeTree(test.volume.path('a'));
        await test.volume.sync('a');
        await test.reopen();
        expect(test.volume.driver).toBe(driver);
        expect(await describeTree(test.volume.path('a'))).toEqual(before);
      });

      it('deletes what a process killed in the middle of a clone left', async () => {
        await using test = await TestVolume.open(ground);
        const source = test.volume.path('a');
        await manyFiles(await test.volume.create('a'), 1000);
        const target = join(rootLayout(test.volume.root).incoming, 'b.0123');
        if (driver === 'btrfs') {
          await runCommand('btrfs', ['subvolume', 'snapshot', source, target]);
          await killedAt({ kind: 'chown', path: target, owner: tenant }, 500);
        } else {
          await killedAt({ kind: 'clone', by: driver, source, target }, 500);
        }
        expect((await readdir(target)).length).toBeGreaterThan(240);
        expect(await test.volume.list()).toEqual(['a']);
        const volume = await test.reopen();
        await swept(volume);
        expect(await volume.list()).toEqual(['a']);
      });

      it('finishes a removal that a process was killed in the middle of', async () => {
        await using test = await TestVolume.open(ground);
        await manyFiles(await test.volume.create('a'), 1000);
        const half = join(rootLayout(test.volume.root).trash, 'a.0123');
        await runCommand('mv', [test.volume.path('a'), half]);
        await killedAt({ kind: 'remove', path: half }, 500);
        expect((await readdir(half)).length).toBe(501);
        const volume = await test.reopen();
        await swept(volume);
        expect(await volume.list()).toEqual([]);
      });

      it('ends removals when it is closed, and finishes them at the next opening', async () => {
        await using test = await TestVolume.open(ground);
        for (const name of ['a', 'b', 'c']) {
          await manyFiles(await test.volume.create(name), 1000);
        }
        for (const name of ['a', 'b', 'c']) await test.volume.remove(name);
        expect(await test.volume.list()).toEqual([]);
        const volume = await test.reopen();
        await swept(volume);
        expect(await volume.list()).toEqual([]);
      });

      it('deletes a tree whose removal was interrupted', async () => {
        await using test = await TestVolume.open(ground);
        await fillTree(await test.volume.create('a'));
        const { trash } = rootLayout(test.volume.root);
        await runCommand('mv', [test.volume.path('a'), join(trash, 'a.0123')]);
        const volume = await test.reopen();
        await waitUntil(async () => (await unpublished(volume)).length === 0, {
          what: 'the removed tree to be deleted',
          timeoutMs: 10_000,
        });
        expect(await volume.list()).toEqual([]);
      });

      it('cancels running clones when it is closed, and refuses new ones', async () => {
        await using test = await TestVolume.open(ground);
        const { volume } = test;
        await manyFiles(await volume.create('a'), 1000);
        const clones = Array.from({ length: 8 }, (_, index) => volume.clone('a', `b${index}`));
        const outcomes = Promise.allSettled(clones);
        await volume[Symbol.asyncDispose]();
        const closed = expect.objectContaining({ code: 'closed' });
        expect(await outcomes).toContainEqual({ status: 'rejected', reason: closed });
        await expect(volume.clone('a', 'c')).rejects.toThrow(closed);
        expect(await test.directory.leaks()).toEqual([]);
        const reopened = await test.reopen();
        const whole = await readdir(reopened.path('a'));
        for (const tree of await reopened.list()) {
          expect(await readdir(reopened.path(tree))).toEqual(whole);
        }
      });

      it('is opened by one process at a time', async () => {
        await using test = await TestVolume.open(ground);
        await expect(test.directory.open(driver)).rejects.toThrow(
          expect.objectContaining({ code: 'busy' }),
        );
      });
    });

    describe('space', () => {
      it.runIf(isRoot && driver === 'copy')(
        'of what is being removed is waited for by what is being made',
        async () => {
          await using directory = await TestDirectory.create(ground);
          const path = join(directory.path, 'small');
          await using _disk = await mountTmpfs(path, 64 << 20);
          await using volume = await openVolume({ directory: path, driver, log: silentLogger() });
          const many = await volume.create('many');
          await Promise.all(
            Array.from({ length: 15_000 }, (_, index) => writeFile(join(many, `${index}`), '')),
          );
          await writeFile(join(await volume.create('a'), 'file'), Buffer.alloc(24 << 20, 1));
          await volume.clone('a', 'b');
          // One tree after the other is taken apart, so that the space of the second one is long in coming.
          const removals = ['many', 'b'].map((tree) => volume.remove(tree));
          await waitUntil(async () => (await volume.list()).join() === 'a', {
            what: 'the trees to disappear',
            timeoutMs: 5000,
            intervalMs: 1,
          });
          const wantedBytes = 24 << 20;
          expect((await volume.usage()).freeBytes).toBeLessThan(wantedBytes);
          const clone = volume.clone('a', 'c');
          expect((await volume.usage({ wantedBytes })).freeBytes).toBeGreaterThan(0);
          await clone;
          await Promise.all(removals);
          const failed = volume.clone('a', 'd');
          await expect(failed).rejects.toThrow(expect.objectContaining({ code: 'no_space' }));
        },
      );

      it('is counted for a tree and for the volume', async () => {
        await using test = await TestVolume.open(ground);
        const path = await test.volume.create('a');
        await mkdir(join(path, 'sub'));
        await writeFile(join(path, 'sub', 'file'), Buffer.alloc(100_000, 1));
        await test.volume.sync('a');
        const usage = await test.volume.treeUsage('a');
        expect(usage).toMatchObject({ files: 1, apparentBytes: 100_000 });
        expect(usage.allocatedBytes).toBeGreaterThanOrEqual(100_000);
        const { totalBytes, freeBytes } = await test.volume.usage();
        expect(freeBytes).toBeGreaterThan(0);
        expect(freeBytes).toBeLessThanOrEqual(totalBytes);
        await test.volume.trim();
      });

      it.runIf(isRoot)(
        'that has run out is a clear error that leaves no half tree',
        async () => {
          await using directory = await TestDirectory.create(ground, smallestBytes);
          // Only the copy driver lives on the machine's own disk here; it gets a small one instead.
          const path = join(directory.path, 'small');
          await using _disk = driver === 'copy' ? await mountTmpfs(path, 8 << 20) : undefined;
          await using volume = await openVolume({
            directory: path,
            driver,
            log: silentLogger(),
            imageBytes: smallestBytes,
          });
          await manyFiles(await volume.create('a'), 300);
          await fillUp(volume);
          const whole = await readdir(volume.path('a'));
          await expect(cloneUntilFull(volume)).rejects.toThrow(
            expect.objectContaining({ code: 'no_space' }),
          );
          for (const tree of (await volume.list()).filter((name) => name.startsWith('clone'))) {
            expect(await readdir(volume.path(tree))).toEqual(whole);
          }
          await volume.remove('filler');
          await volume.sync('a');
          await waitUntil(() => volume.clone('a', 'after').catch(onlyFull), {
            what: 'the space to be free again',
            timeoutMs: 90_000,
            intervalMs: 250,
          });
        },
        120_000,
      );
    });
  });
}

async function fillTree(path: string): Promise<void> {
  await mkdir(join(path, 'base', '1'), { recursive: true });
  await mkdir(join(path, 'empty'), { mode: 0o750 });
  await writeFile(join(path, 'PG_VERSION'), '17\n', { mode: 0o600 });
  await writeFile(join(path, 'nothing'), '');
  await writeFile(join(path, 'base', '1', '1259'), Buffer.alloc(123_456, 'x'));
  await chmod(join(path, 'base', '1', '1259'), 0o640);
  await symlink('base/1/1259', join(path, 'link'));
  await symlink('/does/not/exist', join(path, 'base', 'dangling'));
  const sparse = await open(join(path, 'sparse'), 'w');
  await sparse.write('end', 1_000_000);
  await sparse.close();
  if (isRoot) await chown(join(path, 'base', '1', '1259'), 61_003, 61_004);
}

async function manyFiles(path: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await writeFile(join(path, `file${index}`), `content of ${index}`);
  }
}

/** Creates and deletes files, as a running Postgres does, until it is disposed. */
function churnFiles(path: string): AsyncDisposable {
  const stop = new AbortController();
  const churn = async () => {
    while (!stop.signal.aborted) {
      const names = Array.from({ length: 50 }, (_, index) => join(path, `file${index}-temporary`));
      await Promise.all(names.map((name) => writeFile(name, 'soon gone')));
      await Promise.all(names.map((name) => rm(name)));
    }
  };
  const done = churn();
  return {
    [Symbol.asyncDispose]() {
      stop.abort();
      return done;
    },
  };
}

/** One line for each entry: path, type and mode, owner, content. */
async function describeTree(root: string): Promise<string[]> {
  const names = (await readdir(root, { recursive: true })).sort();
  return Promise.all(
    ['.', ...names].map(async (name) => {
      const path = join(root, name);
      const stat = await lstat(path);
      const text = stat.isSymbolicLink()
        ? await readlink(path)
        : stat.isFile()
          ? await readFile(path, 'latin1')
          : '';
      return `${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${text}`;
    }),
  );
}

/** Does what a worker of a volume does, in a process that is killed at an entry of the tree. */
async function killedAt(job: TreeJob, entry: number): Promise<void> {
  const script = fileURLToPath(new URL('./test-killed-job.js', import.meta.url));
  const child = execFile(process.execPath, [script, JSON.stringify(job), String(entry)]);
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
}

/** Waits until nothing is left that was being made or deleted. */
async function fillUp(volume: Volume): Promise<void> {
  const path = await volume.create('filler');
  for (let chunkBytes = 64 << 20, index = 0; chunkBytes >= 4096; index++) {
    try {
      await runCommand('fallocate', ['-l', String(chunkBytes), join(path, `filler${index}`)]);
    } catch {
      chunkBytes /= 4;
    }
  }
}

async function cloneUntilFull(volume: Volume): Promise<void> {
  for (let index = 0; index < 3000; index++) {
    await volume.clone('a', `clone${index}`, { owner: { uid: 62_000 + index, gid: 62_000 } });
  }
}

function onlyFull(error: unknown): void {
  if (!(error instanceof VolumeError) || error.code !== 'no_space') throw error;
}

/** Writes a counter to one file and then to another, so that a clone out of order shows. */
class LockstepWriter implements AsyncDisposable {
  /** The count that has been synced in both files. */
  synced = 0;
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  static async start(path: string): Promise<LockstepWriter> {
    const writer = new LockstepWriter();
    const files = await Promise.all(['first', 'second'].map((n) => open(join(path, n), 'w')));
    writer.#done = writer.#write(files);
    return writer;
  }

  async read(path: string): Promise<[number, number]> {
    const [first, second] = await Promise.all(
      ['first', 'second'].map(async (name) => Number(await readFile(join(path, name), 'utf8'))),
    );
    return [first ?? 0, second ?? 0];
  }

  async #write(files: readonly Awaited<ReturnType<typeof open>>[]): Promise<void> {
    for (let count = 1; !this.#stop.signal.aborted; count++) {
      const text = String(count).padStart(12, '0');
      for (const file of files) {
        await file.write(text, 0);
        await file.datasync();
      }
      this.synced = count;
    }
    for (const file of files) await file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}
