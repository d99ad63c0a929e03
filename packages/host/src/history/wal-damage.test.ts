import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findInstallations } from '@pgfleet/compute';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flushedLsn, TestCluster, writeWal } from './test-cluster.ts';
import { findWalDamage, needsNothing } from './wal-damage.ts';
import { LONG_HEADER_BYTES } from './wal-page.ts';
import { parseSegmentName, segmentAt } from './wal-segment.ts';
import type { WalSegment } from './wal-segment.ts';

const majors = (await findInstallations()).map(({ major }) => major);
const MIB = 1024 * 1024;

describe.each(majors)('the WAL of Postgres %i', (major) => {
  let cluster: TestCluster;
  let systemIdentifier: bigint;
  let full: WalSegment;
  let switched: readonly WalSegment[];
  const content = ({ name }: WalSegment) => readFileSync(join(cluster.path(), 'pg_wal', name));
  const damage = (segment: WalSegment, bytes = content(segment)) =>
    findWalDamage(beginningOf(bytes), { segment, bytes: bytes.length, systemIdentifier });

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
    const to = await flushedLsn(admin);
    const names = readdirSync(join(cluster.path(), 'pg_wal'));
    switched = names
      .flatMap((name) => parseSegmentName(name) ?? [])
      .filter(({ end }) => end > firstSwitched && end <= to);
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test('begins as it should, where it was filled and where it was switched', () => {
    expect(damage(full)).toBeUndefined();
    expect(switched.length).toBeGreaterThanOrEqual(20);
    for (const segment of switched) expect(damage(segment)).toBeUndefined();
  });

  test('is told from a file that is cut short, of another place or of another cluster', () => {
    expect(damage(full, content(full).subarray(0, 8 * MIB))).toMatch(/of 16777216 bytes/);
    expect(damage(full, content(switched[0]!))).toMatch(/another segment/);
    expect(damage(full, Buffer.alloc(16 * MIB))).toMatch(/begin/);
    systemIdentifier += 1n;
    expect(damage(full)).toMatch(/another cluster/);
    systemIdentifier -= 1n;
  });

  test('is not needed where its segment has nothing before a place but a header', () => {
    expect(needsNothing(full.start, full.start + 40n)).toBe(true);
    expect(needsNothing(full.start, full.start + 41n)).toBe(false);
  });
});

function beginningOf(bytes: Buffer): Buffer {
  const header = Buffer.alloc(LONG_HEADER_BYTES);
  bytes.copy(header, 0, 0, LONG_HEADER_BYTES);
  return header;
}
