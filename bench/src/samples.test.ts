import { expect, test } from 'vitest';
import { samplesWithin } from './samples.ts';

const index = (n: number) => Promise.resolve(n);

test('as many samples are taken as were asked for', async () => {
  expect(await samplesWithin({ count: 3, budgetMs: 60_000 }, index)).toEqual([0, 1, 2]);
});

test('one sample is taken even when there is no time for it', async () => {
  expect(await samplesWithin({ count: 3, budgetMs: 0 }, index)).toEqual([0]);
});
