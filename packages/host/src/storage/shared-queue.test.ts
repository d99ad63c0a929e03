import { expect, test } from 'vitest';
import { SharedQueue } from './shared-queue.ts';

/** Work that says when it begins and ends when it is told to. */
function step(log: string[], name: string) {
  let end = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = async () => {
    log.push(name);
    await over;
  };
  return { work, end: () => end() };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what may run together does, and what runs alone waits for it and is waited for', async () => {
  const queue = new SharedQueue();
  const log: string[] = [];
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => step(log, name));
  const all = [
    queue.together('key', a!.work),
    queue.together('key', b!.work),
    queue.alone('key', c!.work),
    queue.together('key', d!.work),
  ];
  await turn();
  expect(log).toEqual(['a', 'b']);
  a!.end();
  await turn();
  expect(log).toEqual(['a', 'b']);
  b!.end();
  await turn();
  expect(log).toEqual(['a', 'b', 'c']);
  c!.end();
  await turn();
  expect(log).toEqual(['a', 'b', 'c', 'd']);
  d!.end();
  await Promise.all(all);
});

test('what fails holds nobody up', async () => {
  const queue = new SharedQueue();
  const fail = async () => Promise.reject(new Error('on purpose'));
  const failures = [queue.together('key', fail), queue.alone('key', fail)];
  expect(await queue.together('key', async () => 1)).toBe(1);
  expect(await queue.alone('key', async () => 2)).toBe(2);
  expect(await Promise.allSettled(failures)).toMatchObject([
    { status: 'rejected' },
    { status: 'rejected' },
  ]);
});

test('other keys do not wait', async () => {
  const queue = new SharedQueue();
  const log: string[] = [];
  const held = step(log, 'held');
  const first = queue.alone('one', held.work);
  expect(await queue.alone('other', async () => 'done')).toBe('done');
  held.end();
  await first;
});
