import { expect, test } from 'vitest';
import { percentile, toRow } from './row.ts';

test('a percentile is a sample that was really seen', () => {
  const samples = [5, 1, 4, 2, 3];
  expect(percentile(samples, 0.5)).toBe(3);
  expect(percentile(samples, 0.99)).toBe(5);
  expect(percentile([7], 0.5)).toBe(7);
});

test('a row compares the medians of both sides', () => {
  const row = toRow({
    bench: 'wake',
    case: 'clean',
    samplesMs: [60, 90, 70],
    baseline: 'bare postgres',
    baselineMs: [50, 40, 60],
  });
  expect(row).toMatchObject({ n: 3, p50_ms: 70, p99_ms: 90, baseline_p50_ms: 50, ratio: 1.4 });
});
