import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { EndpointId, EndpointSpec, TimelineSpec } from '@pgfleet/contract';
import { expect, test, vi } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { newTenant, postmasters, queryValue, serverProcesses, startTenant } from '../test-host.ts';
import { HostProcesses } from '../test-host-process.ts';
import { addWritten, beginWriting, endWriting, nothingWritten } from './written-data.ts';

const MIB = 1024 * 1024;
// What becomes of catalogs when somebody first reads them after they were set up.
const FIRST_LOOKS_BYTES = 100_000;
const patience = { timeout: 100_000, interval: 100 };
vi.setConfig({ testTimeout: 180_000 });

const { host, directory } = sharedTestHost({ volume: 'auto' });

const writtenBy = async (endpointId: EndpointId, client = host) =>
  (await client.endpoint(endpointId)).writtenBytes ?? 0;

/** How far the WAL has got. */
const walEnd = async (socketPath: string) =>
  Number(await queryValue(socketPath, `SELECT pg_current_wal_insert_lsn() - '0/0'`));

/** Inserts rows of a KiB each. */
async function writeRows(socketPath: string, mebibytes: number): Promise<void> {
  await queryValue(socketPath, 'CREATE TABLE IF NOT EXISTS rows (n int, filler text)');
  await queryValue(
    socketPath,
    `INSERT INTO rows SELECT n, repeat('x', 1024) FROM generate_series(1, ${mebibytes * 1024}) n`,
  );
}

test('what clients write is counted while they run and when they are suspended, and nothing else', async () => {
  const { endpointId, socketPath } = await startTenant(host);
  await queryValue(socketPath, 'SELECT 1');
  await host.suspend(endpointId);
  const untouched = await writtenBy(endpointId);
  expect(untouched).toBeLessThan(FIRST_LOOKS_BYTES);
  await host.start(endpointId);
  await writeRows(socketPath, 20);
  await expect.poll(() => writtenBy(endpointId), patience).toBeGreaterThan(20 * MIB);
  await writeRows(socketPath, 10);
  await host.suspend(endpointId);
  const written = await writtenBy(endpointId);
  expect(written).toBeGreaterThan(30 * MIB);
  expect(written).toBeLessThan(36 * MIB);
});

test('suspends, wakes and points of history of a tenant who writes nothing add nothing', async () => {
  const { endpointId, socketPath, timeline } = await startTenant(host);
  const begin = await walEnd(socketPath);
  await writeRows(socketPath, 36);
  await queryValue(socketPath, 'VACUUM rows');
  const points = async () => (await host.timeline(timeline.timelineId)).points;
  await expect.poll(points, patience).toBeGreaterThan(1);
  const end = await walEnd(socketPath);
  await host.suspend(endpointId);
  // A point that is taken while Postgres runs ends a segment, which nobody filled.
  expect(await writtenBy(endpointId)).toBeGreaterThan(36 * MIB);
  expect(await writtenBy(endpointId)).toBeLessThan(end - begin);
  await host.start(endpointId);
  await queryValue(socketPath, 'SELECT count(*) FROM rows');
  await host.suspend(endpointId);
  const before = await writtenBy(endpointId);
  for (let n = 0; n < 4; n++) {
    await host.start(endpointId);
    expect(await queryValue(socketPath, 'SELECT count(*)::int FROM rows')).toBe(36 * 1024);
    await host.suspend(endpointId);
  }
  expect(await writtenBy(endpointId)).toBe(before);
});

/** A branch of a tenant's, with an endpoint that is started. */
async function startBranch(
  parent: TimelineSpec,
  endpoint: EndpointSpec,
  change: Partial<TimelineSpec> = {},
) {
  const ids = { branchId: newBranchId('aws-us-east-2'), timelineId: newTimelineId() };
  const { timelineId } = parent;
  const source = { kind: 'timeline', timelineId, at: { kind: 'head' } } as const;
  await host.putTimeline({ ...parent, ...ids, source, ...change });
  const endpointId = newEndpointId('aws-us-east-2');
  await host.putEndpoint({ ...endpoint, ...ids, endpointId });
  return { endpointId, ...(await host.start(endpointId)) };
}

test.each([
  ['runs', true, {}],
  ['runs, recovered by its first launch', true, { opensAtOnce: true }],
  ['sleeps', false, {}],
])('a branch of a parent that %s is not billed for it', async (_how, isRunning, change) => {
  const { endpointId, socketPath, timeline, endpoint } = await startTenant(host);
  await writeRows(socketPath, 20);
  // Whoever first reads a row marks it as committed, which is written.
  await queryValue(socketPath, 'VACUUM rows');
  if (!isRunning) await host.suspend(endpointId);
  const branch = await startBranch(timeline, endpoint, change);
  expect(await queryValue(branch.socketPath, 'SELECT count(*)::int FROM rows')).toBe(20 * 1024);
  await host.suspend(branch.endpointId);
  expect(await writtenBy(branch.endpointId)).toBeLessThan(FIRST_LOOKS_BYTES);
  await host.start(branch.endpointId);
  await writeRows(branch.socketPath, 5);
  await host.suspend(branch.endpointId);
  const written = await writtenBy(branch.endpointId);
  expect(written).toBeGreaterThan(5 * MIB);
  expect(written).toBeLessThan(10 * MIB);
});

test('what a compute wrote before it was killed is not counted again', async () => {
  const { endpointId, socketPath, timeline } = await startTenant(host);
  await writeRows(socketPath, 20);
  await expect.poll(() => writtenBy(endpointId), patience).toBeGreaterThan(20 * MIB);
  for (const pid of postmasters(directory, timeline.timelineId)) process.kill(pid, 'SIGKILL');
  await expect.poll(async () => (await host.endpoint(endpointId)).state, patience).toBe('idle');
  const before = await writtenBy(endpointId);
  await host.start(endpointId);
  await writeRows(socketPath, 5);
  await host.suspend(endpointId);
  const grown = (await writtenBy(endpointId)) - before;
  expect(grown).toBeGreaterThan(5 * MIB);
  expect(grown).toBeLessThan(10 * MIB);
});

test('a backend that is killed begins the count anew, and what follows is counted', async () => {
  const { endpointId, socketPath, timeline } = await startTenant(host);
  const { timelineId: id } = timeline;
  await writeRows(socketPath, 10);
  await expect.poll(() => writtenBy(endpointId), patience).toBeGreaterThan(10 * MIB);
  const before = await writtenBy(endpointId);
  const roots = postmasters(directory, id);
  const child = serverProcesses(directory, id).find((pid) => !roots.includes(pid));
  const since = 'SELECT extract(epoch FROM stats_reset)::float8 FROM pg_stat_wal';
  const begun = () => queryValue(socketPath, since).catch(() => 0);
  const beginning = Number(await begun());
  process.kill(child!, 'SIGKILL');
  await expect.poll(begun, patience).toBeGreaterThan(beginning);
  await writeRows(socketPath, 5);
  const grown = async () => (await writtenBy(endpointId)) - before;
  await expect.poll(grown, patience).toBeGreaterThan(5 * MIB);
  await host.suspend(endpointId);
  expect(await grown()).toBeLessThan(10 * MIB);
});

test('a host that is killed counts on where the one before it was', async () => {
  await using hosts = await HostProcesses.open();
  const { host: client } = hosts.client;
  const first = await hosts.start();
  const { endpointId, socketPath } = await startTenant(client);
  await writeRows(socketPath, 10);
  await expect.poll(() => writtenBy(endpointId, client), patience).toBeGreaterThan(10 * MIB);
  await hosts.kill(first, 'SIGKILL');
  await writeRows(socketPath, 10);
  await hosts.start();
  await client.suspend(endpointId);
  const written = await writtenBy(endpointId, client);
  expect(written).toBeGreaterThan(20 * MIB);
  expect(written).toBeLessThan(24 * MIB);
});

const { timelineId } = newTenant().timeline;
const startedAt = new Date('2030-01-02T03:00:00Z');
const before = '2030-01-01T00:00:00.000000Z';
const within = '2030-01-02T03:04:05.678901Z';

test('a count that is lower than it was, or of which nobody knows the beginning, takes nothing back', () => {
  const run = { timelineId, startedAt };
  const unknown = addWritten(nothingWritten, run, { bytes: 5000, since: before });
  expect(unknown.bytes).toBe(0);
  const known = addWritten(unknown, run, { bytes: 7000, since: before });
  expect(known.bytes).toBe(2000);
  const lower = addWritten(known, run, { bytes: 6000, since: before });
  expect(lower).toEqual(known);
  const renewed = addWritten(lower, run, { bytes: 4024, since: within });
  expect(renewed.bytes).toBe(5000);
});

test('two timelines of one endpoint are counted apart', () => {
  const other = { timelineId: newTenant().timeline.timelineId, startedAt };
  const count = (bytes: number) => ({ bytes, since: before });
  let written = beginWriting(nothingWritten, timelineId, count(100_000));
  written = beginWriting(written, other.timelineId, count(0));
  written = addWritten(written, other, count(3024));
  written = addWritten(written, { timelineId, startedAt }, count(105_024));
  written = endWriting(written, timelineId);
  written = addWritten(written, other, count(4024));
  expect(written.bytes).toBe(7000);
  expect(endWriting(written, other.timelineId)).toEqual({ bytes: 7000, counted: {} });
});
