import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readDataFile } from './read-data-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'pgfleet-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);

test('the beginning of a file is read', () => {
  writeFileSync(path('file'), 'abcdef');
  expect(readDataFile(path('file'), 3).toString()).toBe('abc');
  expect(readDataFile(path('file'), 30).toString()).toBe('abcdef');
  expect(() => readDataFile(path('nothing'), 3)).toThrow('ENOENT');
});

test('a pipe, a device or a link in its place neither stops nor fills the reader', () => {
  execFileSync('mkfifo', [path('pipe')]);
  symlinkSync(path('file'), path('link'));
  expect(() => readDataFile(path('pipe'), 3)).toThrow('no regular file');
  expect(() => readDataFile('/dev/zero', 3)).toThrow('no regular file');
  expect(() => readDataFile(path('link'), 3)).toThrow('ELOOP');
});
