import { ComputeError } from '@pgfleet/compute';
import { silentLogger } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { dumpOfCopy } from './dump-of-copy.ts';

test('what would have to be installed is told to who runs the host, and only there', async () => {
  const lines: unknown[][] = [];
  const warn = (...line: unknown[]) => void lines.push(line);
  const log = Object.assign(silentLogger(), { warn });
  const cause = new Error('found none; install the client programs');
  const missing = new ComputeError('pg_dump_missing', 'no pg_dump is installed', { cause });
  const place = { socketDirectory: '/nowhere', secrets: [], database: 'neondb' };
  const dump = dumpOfCopy({ log }, place, () => Promise.reject(missing));
  await expect(dump).rejects.toBe(missing);
  expect(lines).toEqual([[{ err: missing }, 'no pg_dump can dump this schema']]);
});
