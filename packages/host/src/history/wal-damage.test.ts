import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findInstallations } from '@pgfleet/compute';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flushedLsn, TestCluster, writeWal } from './test-cluster.ts';
import { findWalDamage } from './wal-damage.ts';
import { parseSegmentName, segmentAt } from './wal-segment.ts';
import type { WalSegment } from './wal-segment.ts';

const majors = (await findInstallations()).map(({ major }) => major);
const PAGE = 8192;
const MIB = 1024 * 1024;

describe.each(majors)('the WAL of Postgres %i', (major) => {
  let cluster: TestCluster;
  let systemIdentifier: bigint;
  let to: bigint;
  let full: WalSegment;
  let switched: readonly WalSegment[];
  const content = ({ name }: WalSegment) => readFileSync(join(cluster.path(), 'pg_wal', name));
  const damage = (segment: WalSegment, bytes = content(segment), until = to) =>
    findWalDamage(bytes, { segment, to: until, systemIdentifier });

  beforeAll(async () => {
    cluster = await TestCluster.open('copy', major);
    await cluster.start();
    await using admin = await cluster.connect();
    systemIdentifier = cluster.control().systemIdentifier;
    const begin = await flushedLsn(admin);
    await writeWal(admin, 40 * MIB);
    full = segmentAt(1, begin + BigInt(16 * MIB));
    const firstSwitched = await flushedLsn(admin);
    // Records of many lengths, so that switches fall anywhere on a page.
    for (let length = 0; length < 24; length++) {
      await admin.query(`SELECT pg_logical_emit_message(false, '', repeat('x', $1))`, [
        length * 997,
      ]);
      await admin.query('SELECT pg_switch_wal()');
    }
    to = await flushedLsn(admin);
    const names = readdirSync(join(cluster.path(), 'pg_wal'));
    switched = names
      .flatMap((name) => parseSegmentName(name) ?? [])
      .filter(({ end }) => end > firstSwitched && end <= to);
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test('is whole, where it was filled and where it was switched', () => {
    expect(damage(full)).toBeUndefined();
    expect(switched.length).toBeGreaterThanOrEqual(20);
    for (const segment of switched) expect(damage(segment)).toBeUndefined();
  });

  test('is damaged when any page is torn off, zeroed, or stands in another place', () => {
    for (let page = 0; page < 2048; page += 341) {
      const at = page * PAGE;
      expect(damage(full, content(full).fill(0, at))).toMatch(/offset|begin/);
      expect(damage(full, content(full).fill(0, at, at + PAGE))).toMatch(/offset|begin/);
      const moved = content(full);
      moved.copy(moved, at, (2047 - page) * PAGE, (2048 - page) * PAGE);
      expect(damage(full, moved)).toMatch(/offset|begin|another/);
    }
  });

  test('is damaged when a switched segment lost the page of its switch, or has something after it', () => {
    for (const segment of switched) {
      const bytes = content(segment);
      const used = Math.ceil(lastByte(bytes) / PAGE) * PAGE;
      const torn = Buffer.from(bytes).fill(0, used - PAGE);
      expect(damage(segment, torn)).toBeDefined();
      const scribbled = Buffer.from(bytes).fill(1, used + 3 * PAGE, used + 3 * PAGE + 1);
      expect(damage(segment, scribbled)).toBeDefined();
    }
  });

  test('is told from a file that is cut short, of another place or of another cluster', () => {
    expect(damage(full, content(full).subarray(0, 8 * MIB))).toMatch(/of 16777216 bytes/);
    expect(damage(full, content(switched[0]!))).toMatch(/another segment/);
    expect(damage(full, Buffer.alloc(16 * MIB))).toMatch(/begin/);
    systemIdentifier += 1n;
    expect(damage(full)).toMatch(/another cluster/);
    systemIdentifier -= 1n;
  });

  test('may be anything after the place up to which it is needed', () => {
    const until = full.start + BigInt(5 * MIB);
    expect(damage(full, content(full).fill(7, 5 * MIB), until)).toBeUndefined();
    expect(damage(full, content(full).fill(7, 5 * MIB - 1 - PAGE), until)).toBeDefined();
    expect(damage(full, Buffer.alloc(16 * MIB), full.start + 40n)).toBeUndefined();
  });
});

function lastByte(bytes: Buffer): number {
  let at = bytes.length;
  while (bytes[at - 1] === 0) at -= 1;
  return at;
}
