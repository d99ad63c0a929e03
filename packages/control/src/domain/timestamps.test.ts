import { expect, test } from 'vitest';
import { timestamp } from './timestamps.ts';

test('times are written in UTC with whole seconds', () => {
  for (const text of ['2026-01-02T03:04:05', '1999-12-31T23:59:59', '0001-01-01T00:00:00']) {
    expect(timestamp(new Date(`${text}.999Z`))).toBe(`${text}Z`);
  }
  expect(() => timestamp(new Date(Number.NaN))).toThrow(RangeError);
});
