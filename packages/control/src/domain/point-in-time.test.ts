import { expect, test } from 'vitest';
import { pointInTime } from './point-in-time.ts';

test('a request that names no point means the head', () => {
  expect(pointInTime({})).toEqual({ kind: 'head' });
});

test('an LSN is taken as it is', () => {
  expect(pointInTime({ lsn: '1A/2b3C' })).toEqual({ kind: 'lsn', lsn: '1A/2b3C' });
});

test.each([
  ['2026-01-31T20:09:48Z', '2026-01-31T20:09:48.000000Z'],
  ['2026-01-31T20:09:48.1234567Z', '2026-01-31T20:09:48.123456Z'],
  ['2026-01-31T20:09:48.5+02:00', '2026-01-31T18:09:48.500000Z'],
  ['2026-01-31t23:09:48-0130', '2026-02-01T00:39:48.000000Z'],
])('the time %s is %s', (timestamp, at) => {
  expect(pointInTime({ timestamp })).toEqual({ kind: 'time', at });
});

test.each([
  [{ lsn: '0/1', timestamp: '2026-01-31T20:09:48Z' }, 'both'],
  [{ lsn: '0-1' }, 'base_lsn is not an LSN'],
  [{ timestamp: '2026-01-31T20:09:48' }, 'base_timestamp is not a time'],
  [{ timestamp: '2026-13-31T20:09:48Z' }, 'base_timestamp is not a time'],
  [{ timestamp: '2026-02-29T20:09:48Z' }, 'base_timestamp is not a time'],
  [{ timestamp: '2026-01-31T24:00:00Z' }, 'base_timestamp is not a time'],
  [{ timestamp: '9999-12-31T23:59:59-01:00' }, 'base_timestamp is not a time'],
  [{ timestamp: '0000-01-01T00:00:00+01:00' }, 'base_timestamp is not a time'],
  [{ timestamp: 'yesterday' }, 'base_timestamp is not a time'],
])('%o is refused', (given, problem) => {
  expect(() => pointInTime(given, 'base_')).toThrow(problem);
});
