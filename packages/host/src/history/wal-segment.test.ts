import { expect, test } from 'vitest';
import {
  compareSegments,
  formatLsn,
  nextSegment,
  parseLsn,
  parseSegmentName,
  segmentAt,
} from './wal-segment.ts';

const MIB = 1024 * 1024;

test('places are read and written as Postgres does', () => {
  expect(parseLsn('0/1A2B3C4D')).toBe(0x1a2b3c4dn);
  expect(parseLsn('ff/0')).toBe(0xff00000000n);
  expect(formatLsn(0xff0000002an)).toBe('FF/2A');
  expect(parseLsn(formatLsn(0x12345678_9abcdef0n))).toBe(0x12345678_9abcdef0n);
  for (const text of ['', '0', '0/', '0/123456789', '0/G', ' 0/1', '0/1\n']) {
    expect(() => parseLsn(text)).toThrow('is no LSN');
  }
});

test('segments are named as Postgres does, for every size of segments', () => {
  expect(segmentAt(1, 0x1500718n)).toEqual({
    name: '000000010000000000000001',
    timelineNumber: 1,
    start: 0x1000000n,
    end: 0x2000000n,
  });
  expect(segmentAt(0x2b, 0x3_ff000000n).name).toBe('0000002B00000003000000FF');
  expect(segmentAt(1, 0x3_ffffffffn, MIB).name).toBe('000000010000000300000FFF');
  expect(segmentAt(1, 0x3_ffffffffn, 1024 * MIB).name).toBe('000000010000000300000003');
});

test('names are read back, and what names no segment is told apart', () => {
  for (const lsn of [0n, 0xffffffn, 0x1000000n, 0xabcd_ff123456n]) {
    const segment = segmentAt(7, lsn);
    expect(parseSegmentName(segment.name)).toEqual(segment);
  }
  for (const name of [
    '00000002.history',
    '000000010000000000000001.partial',
    '000000010000000000000001.00000028.backup',
    '000000010000000000000100',
    '00000001000000000000000a',
    '000000000000000000000001',
    'xlogtemp.12',
    'archive_status',
  ]) {
    expect(parseSegmentName(name)).toBeUndefined();
  }
});

test('segments follow each other over the boundary of a half, and are ordered by place', () => {
  const last = segmentAt(1, 0x0_ff000000n);
  const first = nextSegment(last);
  expect(first.name).toBe('000000010000000100000000');
  const newer = segmentAt(2, last.start);
  expect([first, newer, last].sort(compareSegments)).toEqual([last, newer, first]);
});
