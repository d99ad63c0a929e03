import { expect, test } from 'vitest';
import { Semaphore } from './semaphore.ts';

test('no more is under way than there are places, in the order it came', async () => {
  const semaphore = new Semaphore(2);
  const begun: number[] = [];
  let underWay = 0;
  let most = 0;
  const work = (n: number) => async () => {
    begun.push(n);
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
  };
  await Promise.all([1, 2, 3, 4, 5].map((n) => semaphore.run(work(n))));
  expect({ begun, most }).toEqual({ begun: [1, 2, 3, 4, 5], most: 2 });
});

test('who gives up waiting takes no place', async () => {
  const semaphore = new Semaphore(1);
  let finish = (): void => undefined;
  const first = semaphore.run(() => new Promise<void>((resolve) => (finish = resolve)));
  const giveUp = new AbortController();
  const second = semaphore.run(async () => 'never', giveUp.signal);
  const third = semaphore.run(async () => 'third');
  giveUp.abort(new Error('no time'));
  await expect(second).rejects.toThrow('no time');
  finish();
  await first;
  expect(await third).toBe('third');
});

test('no more waits than is allowed to', async () => {
  const semaphore = new Semaphore(1, { maxWaiting: 1 });
  let finish = (): void => undefined;
  const first = semaphore.run(() => new Promise<void>((resolve) => (finish = resolve)));
  const second = semaphore.run(async () => 'second');
  await expect(semaphore.run(async () => 'third')).rejects.toMatchObject({
    code: 'too_many_requests',
  });
  finish();
  await first;
  expect(await second).toBe('second');
});
