import { expect, test } from 'vitest';
import { requestedPoint, withoutPoint } from './requested-point.ts';

const noon = '2024-01-31T12:00:00.000000Z';

test.each([
  ['as the CLI prints it', '2024-01-31T12:00:00Z', noon],
  ['with milliseconds', '2024-01-31T12:00:00.123Z', '2024-01-31T12:00:00.123000Z'],
  ['with microseconds', '2024-01-31T12:00:00.123456Z', '2024-01-31T12:00:00.123456Z'],
  [
    'with more than can be told apart',
    '2024-01-31T12:00:00.123456789Z',
    '2024-01-31T12:00:00.123456Z',
  ],
  ['in small letters', '2024-01-31t12:00:00z', noon],
  ['without a zone', '2024-01-31T12:00:00', noon],
  ['without seconds', '2024-01-31T12:00', noon],
  ['east of Greenwich', '2024-01-31T17:30:00+05:30', noon],
  ['west of Greenwich', '2024-01-31T09:00:00-03:00', noon],
  ['across a year', '2024-01-01T00:30:00+01:00', '2023-12-31T23:30:00.000000Z'],
  ['as Postgres prints it', '2024-01-31 13:00:00.5+01', '2024-01-31T12:00:00.500000Z'],
  ['with its blank escaped', '2024-01-31\\ 12:00:00', noon],
  ['with a zone behind a blank', '2024-01-31 13:00:00 +0100', noon],
  ['with a zone by name', '2024-01-31 12:00:00 UTC', noon],
  ['with a plus that was meant as a blank', '2024-01-31+12:00:00', noon],
  ['with a plus that was taken for a blank', '2024-01-31T13:00:00 01:00', noon],
])('a time is read %s', (_how, text, at) => {
  expect(requestedPoint(`neon_timestamp:${text}`)).toEqual({ kind: 'time', at });
});

test.each([
  ['0/16F9A00', '0/16F9A00'],
  ['a/16f9a00', 'A/16F9A00'],
  ['0000000A/00000ABC', 'A/ABC'],
])('the LSN %s is read', (text, lsn) => {
  expect(requestedPoint(`neon_lsn:${text}`)).toEqual({ kind: 'lsn', lsn });
});

test.each([
  '',
  'yesterday',
  '2024-01-31',
  '2024-02-30T12:00:00Z',
  '2024-13-01T12:00:00Z',
  '2024-01-31T24:00:00Z',
  '2024-01-31T12:60:00Z',
  '2024-01-31T12:00:00+16:00',
  '0000-01-01T00:00:00+01:00',
  '2024-01-31T12:00:00Zulu',
  '2024-01-31T12:00:00Z 13:00',
  '1706702400',
])('"%s" is not a time', (text) => {
  const read = () => requestedPoint(`neon_timestamp:${text}`);
  expect(read).toThrow('neon_timestamp is not a time');
});

test.each(['', '16F9A00', '0/', '/1', '0/16F9A00A1', '0/16G', '0/1/1', '2024-01-31T12:00:00Z'])(
  '"%s" is not an LSN',
  (text) => {
    expect(() => requestedPoint(`neon_lsn:${text}`)).toThrow('not a log sequence number');
  },
);

test.each([
  `neon_timestamp:${noon} neon_lsn:0/1`,
  `neon_lsn:0/1 neon_timestamp:${noon}`,
  'neon_lsn:0/1 -c geqo=off neon_lsn:0/2',
])('only one point can be asked for: %s', (options) => {
  expect(() => requestedPoint(options)).toThrow('more than one point in time');
});

test('a wrong point is a wrong parameter, told with how to write it', () => {
  const fields = {
    severity: 'FATAL',
    sqlstate: '22023',
    hint: expect.stringContaining('neon_lsn:0/'),
  };
  expect(() => requestedPoint('neon_lsn:x')).toThrow(
    expect.objectContaining({ fields: expect.objectContaining(fields) }),
  );
});

test('options without a point are about the present', () => {
  expect(requestedPoint('-c geqo=off neon_endpoint_type:read_only')).toBeUndefined();
});

test.each([
  [
    ['neon_lsn:0/1', '12:00', '-c', 'a=b'],
    ['12:00', '-c', 'a=b'],
  ],
  [
    ['-c', 'a=b', 'neon_timestamp:2024-01-31', '12:00:00', '+01', '-c', 'c=d'],
    ['-c', 'a=b', '-c', 'c=d'],
  ],
  [['neon_timestamp:2024-01-31 12:00:00'], []],
])('the words of the point are taken out of %j', (words, rest) => {
  expect(withoutPoint(words)).toEqual(rest);
});
