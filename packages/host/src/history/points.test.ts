import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimelineId } from '@pgfleet/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newPointTree, timestampMicros } from './point-record.ts';
import type { Point } from './point-record.ts';
import { Points } from './points.ts';

const timelineId = 'tl-points' as TimelineId;
let directory: string;
let points: Points;

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'pgfleet-')), 'history');
  await Points.prepare(directory);
  points = Points.open(directory, timelineId);
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

function point(pointId: string, consistentLsn: bigint, at: string): Point {
  return {
    pointId,
    timelineId,
    tree: newPointTree(),
    redoLsn: consistentLsn - 40n,
    consistentLsn,
    at,
    kind: 'running',
    backupLabel: 'START WAL LOCATION: 0/28\n',
  };
}

const window = (fromLsn: string) => ({
  fromLsn,
  toLsn: null,
  fromAt: '2026-01-01T00:00:00.000000Z',
  toAt: null,
  reason: 'a segment is missing',
  foundAt: '2026-01-02T00:00:00.000000Z',
});

test('a timeline nobody knows has no history and no file', () => {
  expect([points.all(), points.oldest, points.newest, points.lost, points.rest]).toEqual([
    [],
    undefined,
    undefined,
    [],
    null,
  ]);
  expect(points.nearest({ lsn: 1n << 60n })).toBeUndefined();
  expect(readdirSync(directory)).toEqual([]);
});

test('what was added is there after a restart, in order, readable by nobody else', async () => {
  const early = point('early', 0x1_00000100n, '2026-01-01T10:00:00.000001Z');
  const late = { ...point('late', 0x1_00000200n, '2026-01-01T11:00:00Z'), bytesSinceRewrite: 7 };
  await Promise.all([
    points.add(late),
    points.add(early),
    points.addLost(window('0/1')),
    points.setRest({ lsn: '1/200', at: '2026-01-01T11:00:00Z' }),
  ]);
  const again = Points.open(directory, timelineId);
  expect(again.all()).toEqual([early, late]);
  expect([again.oldest, again.newest]).toEqual([early, late]);
  expect(again.lost).toEqual([window('0/1')]);
  expect(again.rest).toEqual({ lsn: '1/200', at: '2026-01-01T11:00:00Z' });
  expect(statSync(join(directory, `${timelineId}.json`)).mode & 0o777).toBe(0o600);
  expect(Points.open(directory, 'tl-other' as TimelineId).all()).toEqual([]);
});

test('the nearest earlier point is found by place and by time, to the microsecond', async () => {
  await points.add(point('a', 100n, '2026-01-01T10:00:00.000100Z'));
  await points.add(point('b', 200n, '2026-01-01T10:00:00.000200Z'));
  const byLsn = (lsn: bigint) => points.nearest({ lsn })?.pointId;
  const byTime = (time: string) => points.nearest({ time })?.pointId;
  expect([99n, 100n, 199n, 200n, 999n].map(byLsn)).toEqual([undefined, 'a', 'a', 'b', 'b']);
  expect(byTime('2026-01-01T10:00:00.000099Z')).toBeUndefined();
  expect(byTime('2026-01-01T10:00:00.000100Z')).toBe('a');
  expect(byTime('2026-01-01T10:00:00.000199Z')).toBe('a');
  expect(byTime('2026-01-01T11:00:00.000200+01:00')).toBe('b');
});

test('no point after one that is later is used for a time, should the clock have been set back', async () => {
  await points.add(point('before', 100n, '2026-01-01T10:00:00Z'));
  await points.add(point('ahead', 200n, '2026-01-01T12:00:00Z'));
  await points.add(point('set back', 300n, '2026-01-01T11:00:00Z'));
  expect(points.nearest({ time: '2026-01-01T11:30:00Z' })?.pointId).toBe('before');
  expect(points.nearest({ time: '2026-01-01T12:00:00Z' })?.pointId).toBe('set back');
});

test('points and lost stretches are replaced, forgotten, and bounded', async () => {
  await points.add(point('a', 100n, '2026-01-01T10:00:00Z'));
  await points.add(point('a', 150n, '2026-01-01T10:00:00Z'));
  await points.add(point('b', 200n, '2026-01-01T11:00:00Z'));
  await points.remove(['a', 'unknown']);
  expect(points.all().map(({ pointId }) => pointId)).toEqual(['b']);
  for (let at = 0; at < 101; at++) await points.addLost(window(`0/${at}`));
  await points.addLost({ ...window('0/50'), reason: 'again' });
  expect(points.lost).toHaveLength(100);
  expect(points.lost.at(-1)!.reason).toBe('again');
  await points.removeLost(({ reason }) => reason !== 'again');
  expect(Points.open(directory, timelineId).lost).toHaveLength(1);
  await points.forget();
  await points.forget();
  expect([points.all(), readdirSync(directory)]).toEqual([[], []]);
});

test('a file that makes no sense is said to be damaged and left alone; half-written ones go', async () => {
  const path = join(directory, `${timelineId}.json`);
  writeFileSync(`${path}.abc.tmp`, '{');
  await Points.prepare(directory);
  expect(readdirSync(directory)).toEqual([]);
  for (const text of ['', '{', '[]', '{"points":[{}],"lost":[],"rest":null}']) {
    writeFileSync(path, text);
    const open = () => Points.open(directory, timelineId);
    expect(open).toThrow(expect.objectContaining({ code: 'history_damaged' }));
    expect(statSync(path).size).toBe(text.length);
  }
});

test('times are read to the microsecond, in any zone', () => {
  expect(timestampMicros('1970-01-01T00:00:01.000002Z')).toBe(1_000_002);
  expect(timestampMicros('1970-01-01T01:00:00.5+01:00')).toBe(500_000);
  expect(timestampMicros('1970-01-01T00:00:00Z')).toBe(0);
  expect(() => timestampMicros('yesterday')).toThrow('no time');
});
