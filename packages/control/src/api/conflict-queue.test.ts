import { PgfleetError } from '@pgfleet/contract';
import { unlessAborted } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { ConflictQueue } from './conflict-queue.ts';

const key = 'project';
const PATIENCE_MS = 100;
const never = new Promise<never>(() => {});

function conflict(): Promise<never> {
  return Promise.reject(new PgfleetError('conflicting_operations'));
}

/** An attempt that conflicts at first. */
function afterConflict<T>(work: (signal: AbortSignal) => Promise<T>) {
  let attempts = 0;
  return (signal: AbortSignal): Promise<T> => ((attempts += 1) === 1 ? conflict() : work(signal));
}

/** One that conflicts at first, has begun again, and goes on until it is let go, whoever gives it up. */
function slowAfterConflict<T>(result: T) {
  let begin = () => {};
  let release = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const held = new Promise<T>((resolve) => (release = () => resolve(result)));
  const attempt = afterConflict(() => {
    begin();
    return held;
  });
  return { attempt, begun, release };
}

function open() {
  const queue = new ConflictQueue(PATIENCE_MS);
  const { signal } = new AbortController();
  const run = <T>(attempt: (signal: AbortSignal) => Promise<T>, own = signal) =>
    queue.run({ key, signal: own }, attempt);
  return { run };
}

test('what conflicts is tried again until it does not', async () => {
  const { run } = open();
  const { attempt, release } = slowAfterConflict('done');
  release();
  await expect(run(attempt)).resolves.toBe('done');
});

test('who stands behind one that takes long is refused when the own patience ends', async () => {
  const { run } = open();
  const { attempt, begun, release } = slowAfterConflict('first');
  const first = run(attempt);
  await begun;
  const begin = performance.now();
  const others = [run(conflict), run(conflict), run(conflict)];
  for (const other of await Promise.allSettled(others)) {
    expect(other).toMatchObject({ reason: { code: 'conflicting_operations' } });
  }
  expect(performance.now() - begin).toBeLessThan(2 * PATIENCE_MS);
  release();
  await expect(first).resolves.toBe('first');
});

test('an attempt is told when there is no patience left for it', async () => {
  const { run } = open();
  let isTold = false;
  const attempt = afterConflict((signal) =>
    unlessAborted(never, signal).finally(() => (isTold = true)),
  );
  await expect(run(attempt)).rejects.toMatchObject({ code: 'conflicting_operations' });
  expect(isTold).toBe(true);
});

test('the order stays when one leaves the line', async () => {
  const { run } = open();
  const { attempt, begun, release } = slowAfterConflict('first');
  const ended: string[] = [];
  const note = async (name: string) => void ended.push(name);
  const first = run((its) => attempt(its).then(note));
  await begun;
  const gone = new AbortController();
  const leaving = run(() => note('second'), gone.signal);
  const third = run(() => note('third'));
  gone.abort(new Error('gone'));
  await expect(leaving).rejects.toThrow('gone');
  expect(ended).toEqual([]);
  release();
  await Promise.all([first, third]);
  expect(ended).toEqual(['first', 'third']);
});
