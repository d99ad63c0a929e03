import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { HistoryRecord } from '../history/history-record.ts';
import { parseSegmentName } from '../history/wal-segment.ts';
import { sharedTestHost } from '../shared-test-host.ts';
import { queryValue, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const SUSPENDS = Number(process.env['PGFLEET_TEST_SUSPENDS'] ?? 25);
const MIB = 1024 * 1024;
const patience = { timeout: 50_000, interval: 100 };
const { host, directory } = sharedTestHost({ volume: 'auto' });

async function writeWal({ socketPath }: Tenant, mebibytes: number): Promise<void> {
  const message = `pg_logical_emit_message(false, 'filler', repeat('x', ${MIB}))`;
  await queryValue(socketPath, `SELECT count(${message}) FROM generate_series(1, ${mebibytes})`);
}

const volumeDirectory = () => join(directory, 'host', 'volume', 'volume');
const trees = () => readdirSync(join(volumeDirectory(), 'trees'));
const historyPath = ({ timeline }: Tenant) =>
  join(directory, 'host', 'history', `${timeline.timelineId}.json`);

function points(tenant: Tenant): HistoryRecord['points'] {
  if (!existsSync(historyPath(tenant))) return [];
  return (JSON.parse(readFileSync(historyPath(tenant), 'utf8')) as HistoryRecord).points;
}

function segments(tree: string, below = ''): readonly string[] {
  const path = join(volumeDirectory(), 'trees', tree, below);
  if (!existsSync(path)) return [];
  return readdirSync(path).filter((name) => parseSegmentName(name));
}

/** Space and files of the volume. */
function usage(): { readonly bytes: number; readonly inodes: number } {
  const { bsize, blocks, bfree, files, ffree } = statfsSync(volumeDirectory());
  return { bytes: (blocks - bfree) * bsize, inodes: files - ffree };
}

test('a running compute that writes has its history kept up, one that is idle is left alone', async () => {
  const tenant = await startTenant(host);
  const { timelineId } = tenant.timeline;
  await writeWal(tenant, 80);
  await expect
    .poll(() => points(tenant).map(({ kind }) => kind), patience)
    .toEqual(['rest', 'running']);
  // What was finished before the point is out of the way of Postgres, and not lost.
  await expect.poll(() => segments(timelineId, 'pg_wal').length, patience).toBeLessThanOrEqual(2);
  expect(segments(`wal-${timelineId}`).length).toBeGreaterThanOrEqual(5);
  expect((await host.timeline(timelineId)).walBytes).toBeGreaterThanOrEqual(80 * MIB);

  // Some WAL is worth a point once it is quiet, and none after that.
  await writeWal(tenant, 30);
  await expect.poll(() => points(tenant).length, patience).toBe(3);
  const [at = ''] = points(tenant)
    .slice(-1)
    .map((point) => point.at);
  await expect.poll(() => Date.now() - Date.parse(at), patience).toBeGreaterThan(8000);
  expect(points(tenant)).toHaveLength(3);
});

test('what nobody can ask for any more is given back', async () => {
  const tenant = await startTenant(host);
  const { timelineId } = tenant.timeline;
  await writeWal(tenant, 80);
  await expect.poll(() => points(tenant).length, patience).toBe(2);
  await host.putTimeline({ ...tenant.timeline, historyRetentionSeconds: 0 });
  await writeWal(tenant, 20);
  await host.suspend(tenant.endpointId);
  const own = () => trees().filter((tree) => tree.includes(timelineId.replace('tl-', '')));
  await expect.poll(() => points(tenant).map(({ kind }) => kind), patience).toEqual(['rest']);
  await expect.poll(() => segments(`wal-${timelineId}`).length, patience).toBeLessThanOrEqual(1);
  expect(own().filter((tree) => tree.startsWith('pt-'))).toHaveLength(1);

  await host.deleteEndpoint(tenant.endpointId);
  await host.deleteTimeline(timelineId);
  expect(own()).toEqual([]);
  expect(existsSync(historyPath(tenant))).toBe(false);
});

test('suspends without a write cost nothing', { timeout: 60_000 + SUSPENDS * 3000 }, async () => {
  const tenant = await startTenant(host);
  await queryValue(tenant.socketPath, 'CREATE TABLE notes AS SELECT 1 AS n');
  await host.suspend(tenant.endpointId);
  await host.start(tenant.endpointId);
  await host.suspend(tenant.endpointId);
  const before = { ...usage(), points: points(tenant).length };
  for (let n = 0; n < SUSPENDS; n++) {
    await host.start(tenant.endpointId);
    await host.suspend(tenant.endpointId);
  }
  const after = { ...usage(), points: points(tenant).length };
  const cost = { bytes: after.bytes - before.bytes, inodes: after.inodes - before.inodes };
  process.stdout.write(`${SUSPENDS} suspends: ${JSON.stringify({ before, after, cost })}\n`);
  expect(after.points).toBe(before.points);
  expect(cost.inodes).toBeLessThan(50);
  // What the starts and stops themselves log comes to less than half a segment.
  expect(cost.bytes).toBeLessThan(2 * MIB + SUSPENDS * 20_000);
  await host.start(tenant.endpointId);
  expect(await queryValue(tenant.socketPath, 'SELECT n FROM notes')).toBe(1);
});
