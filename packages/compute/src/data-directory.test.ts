import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DataDirectory } from './data-directory.ts';
import { currentOwner } from './owner.ts';

const isRoot = currentOwner().uid === 0;
const tenant = isRoot ? { uid: 61_234, gid: 61_235 } : currentOwner();
const other = isRoot ? { uid: 61_236, gid: 61_237 } : tenant;
const damaged = expect.objectContaining({ code: 'data_directory_damaged' });

let base: string;
let directory: DataDirectory;
const inside = (name: string) => join(base, 'data', name);
const outside = (name: string) => join(base, 'outside', name);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'pgfleet-'));
  mkdirSync(inside('pg_wal/archive_status'), { recursive: true });
  mkdirSync(outside('treasure'), { recursive: true });
  writeFileSync(outside('treasure/secret'), 'not yours');
  writeFileSync(inside('pg_wal/one'), 'abcdef', { mode: 0o640 });
  if (isRoot)
    for (const name of ['', 'pg_wal', 'pg_wal/one']) chownSync(inside(name), 61_234, 61_235);
  directory = DataDirectory.open(inside(''));
});

afterEach(() => {
  directory[Symbol.dispose]();
  const secret = readFileSync(outside('treasure/secret'), 'utf8');
  if (secret !== 'not yours') throw new Error(`what lies outside was changed: ${secret}`);
  rmSync(base, { recursive: true });
});

function stateOf(path: string) {
  const { uid, gid, mode } = lstatSync(path);
  return { text: readFileSync(path, 'utf8'), uid, gid, mode: mode & 0o7777 };
}

test('what is there is listed, described and read', async () => {
  expect((await directory.list('pg_wal')).sort()).toEqual(['archive_status', 'one']);
  expect(directory.stat('pg_wal/one')).toMatchObject({ size: 6, isFile: true });
  expect(directory.stat('pg_wal')).toMatchObject({ isFile: false });
  expect(directory.stat('pg_wal/two')).toBeUndefined();
  expect(directory.read('pg_wal/one', 3).toString()).toBe('abc');
  expect(directory.read('pg_wal/one', 30).toString()).toBe('abcdef');
  expect(() => directory.read('two', 3)).toThrow('ENOENT');
});

test('a file is cloned out and in, and moved out, with its owner set and nobody else let in', async () => {
  await directory.cloneOut('pg_wal/one', outside('one'));
  expect(stateOf(outside('one'))).toEqual({ text: 'abcdef', ...currentOwner(), mode: 0o600 });
  await directory.cloneIn(outside('one'), 'pg_wal/two');
  await directory.cloneIn(outside('one'), 'pg_wal/three', { owner: other });
  expect(stateOf(inside('pg_wal/two'))).toEqual({ text: 'abcdef', ...tenant, mode: 0o600 });
  expect(stateOf(inside('pg_wal/three'))).toMatchObject({ gid: other.gid, mode: 0o600 });
  await directory.moveOut('pg_wal/one', outside('moved'));
  expect(stateOf(outside('moved'))).toEqual({ text: 'abcdef', ...currentOwner(), mode: 0o600 });
  expect(existsSync(inside('pg_wal/one'))).toBe(false);
  await expect(directory.cloneOut('pg_wal/two', outside('one'))).rejects.toThrow('EEXIST');
});

test('a name that is no plain one below the directory is refused', async () => {
  for (const name of [
    '',
    '.',
    '..',
    '../outside',
    'pg_wal/..',
    '/etc/passwd',
    'a/b/c/d',
    'pg_wal//one',
  ]) {
    expect(() => directory.read(name, 9)).toThrow(/no name|too many/);
    await expect(directory.remove(name)).rejects.toThrow(/no name|too many/);
  }
});

describe('where a tenant put something else in the place of a file', () => {
  beforeEach(() => {
    symlinkSync(outside('treasure/secret'), inside('link'));
    execFileSync('mkfifo', [inside('pipe')]);
    if (isRoot) execFileSync('mknod', [inside('zero'), 'c', '1', '5']);
    else symlinkSync('/dev/zero', inside('zero'));
  });
  const names = ['link', 'pipe', 'zero', 'pg_wal'];

  test.each(names)('a %s is not read, cloned or moved', async (name) => {
    expect(() => directory.read(name, 9)).toThrow(damaged);
    await expect(directory.cloneOut(name, outside('copy'))).rejects.toThrow(damaged);
    await expect(directory.moveOut(name, outside('copy'))).rejects.toThrow(damaged);
    expect(directory.stat(name)?.isFile).toBe(false);
    expect(existsSync(outside('copy'))).toBe(false);
  });

  test.each(names)('a %s is replaced, not written through', async (name) => {
    await directory.write(name, 'mine');
    expect(stateOf(inside(name))).toEqual({ text: 'mine', ...tenant, mode: 0o600 });
    await directory.remove(name);
    await directory.cloneIn(outside('treasure/secret'), name);
    expect(stateOf(inside(name))).toMatchObject({ text: 'not yours', ...tenant });
  });

  test.each(['link', 'pipe', 'zero'])(
    'a file takes the place of a %s in one step',
    async (name) => {
      await directory.replace(name, 'mine');
      expect(stateOf(inside(name))).toEqual({ text: 'mine', ...tenant, mode: 0o600 });
      expect(existsSync(inside(`${name}.incoming`))).toBe(false);
      expect(stateOf(outside('treasure/secret')).text).toBe('not yours');
    },
  );
});

describe('where a tenant put a link in the place of a directory', () => {
  beforeEach(() => {
    rmSync(inside('pg_wal'), { recursive: true });
    symlinkSync(outside('treasure'), inside('pg_wal'));
  });

  test('nothing behind it is listed, read, written or removed', async () => {
    expect(() => directory.stat('pg_wal/secret')).toThrow(damaged);
    expect(() => directory.read('pg_wal/secret', 9)).toThrow(damaged);
    await expect(directory.list('pg_wal')).rejects.toThrow(damaged);
    await expect(directory.write('pg_wal/secret', 'mine')).rejects.toThrow(damaged);
    await expect(directory.replace('pg_wal/secret', 'mine')).rejects.toThrow(damaged);
    await expect(directory.remove('pg_wal/secret')).rejects.toThrow(damaged);
    await expect(directory.cloneIn(inside('..'), 'pg_wal/secret')).rejects.toThrow(damaged);
  });

  test('clearing it leaves an empty directory of the same owner in its place', async () => {
    await directory.clear('pg_wal');
    expect(await directory.list('pg_wal')).toEqual([]);
    const { uid, mode } = lstatSync(inside('pg_wal'));
    expect({ uid, mode: mode & 0o7777 }).toEqual({ uid: tenant.uid, mode: 0o700 });
  });
});

test('what is removed with a tree ends at links out of it', async () => {
  mkdirSync(inside('pg_wal/deep/deeper'), { recursive: true });
  writeFileSync(inside('pg_wal/deep/deeper/file'), '');
  symlinkSync(outside('treasure'), inside('pg_wal/deep/deeper/link'));
  linkSync(inside('pg_wal/one'), inside('pg_wal/deep/one'));
  await directory.clear('pg_wal');
  expect(readdirSync(inside('pg_wal'))).toEqual([]);
  mkdirSync(inside('pg_wal/deep/deeper'), { recursive: true });
  await directory.remove('pg_wal');
  await directory.remove('pg_wal');
  expect(readdirSync(inside(''))).toEqual([]);
});

test('a data directory that is a link is refused', () => {
  symlinkSync(inside(''), join(base, 'link'));
  expect(() => DataDirectory.open(join(base, 'link'))).toThrow(damaged);
  expect(() => DataDirectory.open(join(base, 'nothing'))).toThrow('ENOENT');
});

test('it stays the same directory when its name comes to mean another', () => {
  rmSync(join(base, 'moved'), { recursive: true, force: true });
  execFileSync('mv', [inside(''), join(base, 'moved')]);
  symlinkSync(outside('treasure'), join(base, 'data'));
  expect(directory.stat('secret')).toBeUndefined();
  expect(directory.read('pg_wal/one', 6).toString()).toBe('abcdef');
});

test.skipIf(!isRoot)('a file is moved out to another file system', async () => {
  mkdirSync(outside('mount'));
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', outside('mount')]);
  try {
    await directory.moveOut('pg_wal/one', outside('mount/one'));
    expect(stateOf(outside('mount/one'))).toMatchObject({ text: 'abcdef', uid: 0, mode: 0o600 });
    expect(readdirSync(outside('mount'))).toEqual(['one']);
    expect(directory.stat('pg_wal/one')).toBeUndefined();
  } finally {
    execFileSync('umount', [outside('mount')]);
  }
});
