import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogFollower } from './log-follower.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgfleet-log-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('only whole lines that were appended since are handed on', () => {
  const path = join(directory, 'a.log');
  writeFileSync(path, 'old\n');
  const lines: string[] = [];
  using follower = new LogFollower(path, (line) => lines.push(line));
  appendFileSync(path, 'one\ntwo\nthr');
  follower.poll();
  expect(lines).toEqual(['one', 'two']);
  appendFileSync(path, 'ee\n');
  follower.poll();
  expect(lines).toEqual(['one', 'two', 'three']);
});

test('a log that is full is set aside and followed from its start', () => {
  const path = join(directory, 'a.log');
  const lines: string[] = [];
  using follower = new LogFollower(path, (line) => lines.push(line));
  writeFileSync(path, `${'x'.repeat(1023)}\n`.repeat(16 * 1024));
  follower.poll();
  expect(statSync(path).size).toBe(0);
  expect(statSync(`${path}.1`).size).toBe(16 * 1024 * 1024);
  appendFileSync(path, 'after\n');
  follower.poll();
  expect(lines.at(-1)).toBe('after');
});
