import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UidCounter } from './uid-counter.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgfleet-uids-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('no id is handed out twice, by counters side by side or one after the other', () => {
  const path = join(directory, 'uids.json');
  const counters = [new UidCounter(path), new UidCounter(path)];
  const ids = Array.from({ length: 400 }, (_, index) => counters[index % 2]!.next());
  ids.push(new UidCounter(path).next());
  expect(new Set(ids).size).toBe(401);
});
