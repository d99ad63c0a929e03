import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLogger, waitUntil } from '@pgfleet/kit';
import { expect, it } from 'vitest';
import { InFlight } from './in-flight.ts';
import { Removals } from './removals.ts';

interface LogLine {
  readonly level: string;
  readonly msg: string;
}

/** Removals of a driver that fails at some paths for as long as they are among `stuck`. */
async function openRemovals() {
  const directory = await mkdtemp(join(tmpdir(), 'pgfleet-removals-'));
  const lines: LogLine[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as LogLine);
      done();
    },
  });
  const log = createLogger({ process: 'host', level: 'debug', destination });
  const inFlight = new InFlight();
  const stuck = new Set<string>();
  const attempts: string[] = [];
  const driver = {
    async remove(path: string) {
      attempts.push(path);
      if (stuck.has(path)) throw new Error('it is in use');
      await rm(path, { recursive: true });
    },
  };
  const tree = async (name: string) => {
    const path = join(directory, name);
    await mkdir(path);
    return path;
  };
  return {
    removals: new Removals({ driver, inFlight, log }),
    stuck,
    attempts,
    tree,
    warnings: () => lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg),
    [Symbol.asyncDispose]: async () => {
      await inFlight.close(new Error('closed'));
      await rm(directory, { recursive: true });
    },
  };
}

it('tells once of a tree that stays, and tries again until it is gone', async () => {
  await using opened = await openRemovals();
  const { removals, stuck, attempts, tree } = opened;
  const [first, second] = [await tree('a'), await tree('b')];
  stuck.add(first);
  expect(await Promise.all([removals.remove(first), removals.remove(second)])).toEqual([
    false,
    true,
  ]);
  await waitUntil(() => attempts.length === 4, { what: 'another attempt', timeoutMs: 10_000 });
  expect(opened.warnings()).toEqual(['leftover could not be deleted']);
  stuck.clear();
  await waitUntil(() => attempts.length === 5, { what: 'the last attempt', timeoutMs: 10_000 });
  expect(attempts).toEqual([first, second, first, first, first]);
  stuck.add(second);
  await tree('b');
  expect(await removals.remove(second)).toBe(false);
  await waitUntil(() => attempts.length === 7, { what: 'another attempt', timeoutMs: 10_000 });
});

it('has nobody wait for what could not be taken apart', async () => {
  await using opened = await openRemovals();
  const { removals, stuck, tree } = opened;
  const { signal } = new AbortController();
  const path = await tree('a');
  stuck.add(path);
  const removal = removals.remove(path);
  expect(await removals.settle(signal)).toBe(true);
  await removal;
  expect(await removals.settle(signal)).toBe(false);
  const aborted = removals.remove(path);
  await expect(removals.settle(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  await aborted;
});
