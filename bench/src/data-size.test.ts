import { expect, test } from 'vitest';
import { parseSizes, pgbenchScale } from './data-size.ts';

test('sizes are read with their units', () => {
  expect(parseSizes('10MB, 1GB')).toEqual([
    { label: '10MB', bytes: 10_000_000 },
    { label: '1GB', bytes: 1_000_000_000 },
  ]);
});

test.each(['', '10', '0MB', '1TB', '-1GB', '1.5GB', '10MB,'])('%j is no size', (text) => {
  expect(() => parseSizes(text)).toThrow('is no size');
});

test('a size becomes the nearest scale of pgbench, which has none below 1', () => {
  expect(parseSizes('1MB,10MB,1GB').map(pgbenchScale)).toEqual([1, 1, 67]);
});
