import { expect, test } from 'vitest';
import { throughputOf } from './load.ts';

test('throughput counts what ended within the stretches, over their length', () => {
  const transactions = [500, 1000, 1999, 2000, 5500].map((endedAtMs) => ({
    endedAtMs,
    elapsedMs: endedAtMs / 100,
  }));
  const stretches = [
    { fromMs: 1000, toMs: 2000 },
    { fromMs: 5000, toMs: 6000 },
  ];
  expect(throughputOf(transactions, stretches)).toEqual({ tps: 1.5, latenciesMs: [10, 19.99, 55] });
});
