import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chown,
  link,
  lstat,
  mkdir,
  readFile,
  readdir,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasErrorCode, waitUntil } from '@pgfleet/kit';
import { describe, expect, it } from 'vitest';
import { runCommand } from './command.ts';
import { rootLayout } from './layout.ts';
import { findGrounds } from './test-grounds.ts';
import { swept, TestVolume } from './test-volume.ts';
import { stepBytes } from './trees/share-file.js';

const swapper = fileURLToPath(new URL('./test-swapper.js', import.meta.url));
const resizer = fileURLToPath(new URL('./test-resizer.js', import.meta.url));
const tenant = { uid: 61_001, gid: 61_002 };
const secret = 'the secret of somebody else';
const pairs = 20;

for (const ground of await findGrounds()) {
  const why = ground.obstacle ? ` (skipped: ${ground.obstacle})` : '';
  const onLinux = process.platform === 'linux' && !ground.obstacle;
  describe.runIf(onLinux)(`a ${ground.name} volume whose tenant runs code${why}`, () => {
    it('never clones what directories and files are swapped for', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const outside = await makeOutside(await volume.create('outside'));
      const path = await volume.create('a');
      await using _tenant = await startSwapping(path, await makePairs(path, outside));
      for (let index = 0; index < 60; index++) {
        const owner = index % 2 === 0 ? tenant : undefined;
        const options = { inUse: true, ...(owner && { owner }) };
        const { path: clone } = await volume.clone('a', 'b', options);
        expect(await filesWith(secret, clone)).toEqual([]);
        await volume.remove('b');
      }
      expect(await filesWith(secret, outside)).toHaveLength(2);
    });

    it('never deletes or measures what directories are swapped for', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const outside = await makeOutside(await volume.create('outside'));
      for (let index = 0; index < 10; index++) {
        const path = await volume.create('a');
        await using _tenant = await startSwapping(path, await makePairs(path, outside));
        for (let round = 0; round < 10; round++) {
          expect((await volume.treeUsage('a')).apparentBytes).toBeLessThan(10_000);
        }
        await volume.remove('a');
        await swept(volume);
        expect(await filesWith(secret, outside)).toHaveLength(2);
      }
    });

    it('leaves out pipes, sockets and links to files of others', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const outside = await makeOutside(await volume.create('outside'));
      const path = await volume.create('a', { owner: tenant });
      await runCommand('mkfifo', [join(path, 'pipe')]);
      await writeFile(join(path, 'file'), 'of the tenant');
      await link(join(path, 'file'), join(path, 'other-name'));
      await chown(join(path, 'file'), tenant.uid, tenant.gid);
      // Snapshots are of one subvolume, where nothing of anybody else is to be linked to.
      const linked = await link(join(outside, 'content'), join(path, 'leak')).then(
        () => true,
        (error: unknown) => {
          if (hasErrorCode(error, 'EXDEV')) return false;
          throw error;
        },
      );
      const { path: clone } = await volume.clone('a', 'b', { owner: tenant });
      const names = await readdir(clone);
      expect(names).toEqual(expect.arrayContaining(['file', 'other-name']));
      expect(names).not.toContain('leak');
      expect(linked).toBe(ground.driver !== 'btrfs');
      // A snapshot has all there is; what it has of a pipe is a new and empty one.
      expect(names.includes('pipe')).toBe(ground.driver === 'btrfs');
    });

    it('clones names of any bytes, and removes trees of any depth and kind', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const path = await volume.create('a', { owner: tenant });
      const name = Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0x61, 0xff, 0xfe])]);
      await writeFile(name, 'content');
      const { path: clone } = await volume.clone('a', 'b');
      expect(await readdir(clone, 'latin1')).toEqual(['a\xff\xfe']);
      await nest(path, 300);
      const isSnapshot = ground.driver === 'btrfs';
      if (isSnapshot) {
        await runCommand('btrfs', ['subvolume', 'create', join(path, 'nested')]);
        await writeFile(join(path, 'nested', 'file'), 'in a subvolume of the tenant');
      }
      const outcome = await volume.clone('a', 'c').then(({ path: cloned }) => cloned, String);
      expect(outcome).toMatch(isSnapshot ? volume.path('c') : 'nests more than 64');
      expect(await volume.exists('c')).toBe(isSnapshot);
      for (const tree of await volume.list()) await volume.remove(tree);
      await swept(volume);
    });

    it('finishes a clone of a file that becomes shorter meanwhile', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const file = join(await volume.create('a'), 'file');
      await writeFile(file, 'the beginning');
      await truncate(file, 256 * 2 ** 20);
      const clone = volume.clone('a', 'b', { inUse: true });
      await waitUntil(async () => (await anyFile(volume.root)) || (await volume.exists('b')), {
        what: 'the clone to be under way',
        timeoutMs: 10_000,
        intervalMs: 1,
      });
      await truncate(file, 13);
      expect(await readFile(join((await clone).path, 'file'), 'utf8')).toMatch(/^the beginning/);
    });

    it('gives a clone of a file that grows and shrinks one of its lengths', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const file = join(await volume.create('a'), 'file');
      await writeFile(file, Buffer.alloc(6 * stepBytes, 'x'));
      const lengths = [6 * stepBytes, 3 * stepBytes + 8192, 8192];
      await using _tenant = await startTenant(resizer, volume.path('a'), [
        file,
        ...lengths.map(String),
      ]);
      for (let index = 0; index < 20; index++) {
        const { path: clone } = await volume.clone('a', 'b', { inUse: true });
        const { size } = await lstat(join(clone, 'file'));
        expect(size).toBeGreaterThanOrEqual(8192);
        expect(size).toBeLessThanOrEqual(6 * stepBytes);
        await volume.remove('b');
      }
    });
  });
}

/** What a tenant is after: files with a secret, large enough to show in a measurement. */
async function makeOutside(path: string): Promise<string> {
  await mkdir(join(path, 'directory'));
  await writeFile(join(path, 'directory', 'content'), secret.repeat(1000));
  await writeFile(join(path, 'content'), secret.repeat(1000));
  return path;
}

/** Directories and files of a tree, each with something that it can be swapped for. */
async function makePairs(path: string, outside: string): Promise<string[]> {
  const names: string[] = [];
  for (let index = 0; index < pairs; index++) {
    await mkdir(join(path, `directory${index}`));
    await writeFile(join(path, `directory${index}`, 'content'), 'harmless');
    await symlink(join(outside, 'directory'), join(path, `directory${index}-link`));
    await writeFile(join(path, `file${index}`), 'harmless');
    await symlink(join(outside, 'content'), join(path, `file${index}-link`));
    await writeFile(join(path, `pipe${index}`), 'harmless');
    await runCommand('mkfifo', [join(path, `pipe${index}-pipe`)]);
    names.push(`directory${index}`, `directory${index}-link`);
    names.push(`file${index}`, `file${index}-link`, `pipe${index}`, `pipe${index}-pipe`);
  }
  return names;
}

function startSwapping(cwd: string, names: readonly string[]): Promise<AsyncDisposable> {
  return startTenant(swapper, cwd, names);
}

/** Runs a program of the tenant, from the moment on at which it says that it has begun. */
async function startTenant(
  program: string,
  cwd: string,
  args: readonly string[],
): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Regular files below a directory that contain a text; follows no links. */
async function filesWith(text: string, directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return paths.filter((_path, index) => contents[index]?.includes(text));
}

async function nest(path: string, levels: number): Promise<void> {
  await mkdir(join(path, ...Array.from({ length: levels }, () => 'd')), { recursive: true });
}

async function anyFile(root: string): Promise<boolean> {
  const { incoming } = rootLayout(root);
  const names = await readdir(incoming, { recursive: true }).catch(() => []);
  return names.some((name) => name.endsWith('/file'));
}
