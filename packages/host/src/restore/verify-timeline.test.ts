import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { newTimelineId } from '@pgfleet/contract';
import type { PointInTime } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { parseLsn, segmentAt } from '../history/wal-segment.ts';
import type { HistoryRecord } from '../history/history-record.ts';
import { sharedTestHost } from '../shared-test-host.ts';
import { adminSecret, queryValue, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const BLOCK_BYTES = 8192;
const { host, directory } = sharedTestHost({ volume: 'auto' });

/** A tenant with a table `notes` of many blocks; and where those are, below a tree. */
async function tenantWithNotes(): Promise<Tenant & { readonly file: string }> {
  const tenant = await startTenant(host);
  await queryValue(
    tenant.socketPath,
    `CREATE TABLE notes AS SELECT n, repeat('x', 100) AS filler FROM generate_series(1, 1000) n`,
  );
  const file = await queryValue(tenant.socketPath, `SELECT pg_relation_filepath('notes')`);
  return { ...tenant, file: String(file) };
}

/** A tenant that runs, with two points of history, `notes` in the second one, and a head beyond. */
async function tenantWithPoints() {
  const tenant = await tenantWithNotes();
  await queryValue(
    tenant.socketPath,
    `SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1048576)))
      FROM generate_series(1, 17)`,
  );
  await host.suspend(tenant.endpointId);
  const isFrozen = () => history(tenant).points.length === 2;
  await waitUntil(isFrozen, { what: 'a point of history', timeoutMs: 30_000 });
  const { socketPath } = await host.start(tenant.endpointId);
  await queryValue(socketPath, 'CREATE TABLE later AS SELECT 1');
  return { ...tenant, socketPath };
}

function history({ timeline }: Tenant): HistoryRecord {
  const path = join(directory, 'host', 'history', `${timeline.timelineId}.json`);
  return JSON.parse(readFileSync(path, 'utf8')) as HistoryRecord;
}

function tree(name: string): string {
  return join(directory, 'host', 'volume', 'volume', 'trees', name);
}

async function headOf({ timeline }: Tenant): Promise<PointInTime & { readonly kind: 'lsn' }> {
  const { at } = await host.resolvePoint(timeline.timelineId, { kind: 'head' });
  return at as PointInTime & { readonly kind: 'lsn' };
}

/** Takes a block out of a file, as a disk does that forgot to write it: no checksum notices. */
function forgetBlock(path: string, number: number): void {
  overwrite(path, number * BLOCK_BYTES, BLOCK_BYTES);
}

function overwrite(path: string, at: number, bytes: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(bytes), 0, bytes, at);
  closeSync(file);
}

test('a drill restores a random point and reads all of it', async () => {
  const tenant = await tenantWithPoints();
  const report = await host.verify(tenant.timeline.timelineId, {});
  expect(report).toMatchObject({ amcheck: true, problems: [], recoveryPointSeconds: 0 });
  expect(report.databases).toBeGreaterThan(0);
  expect(report.rows).toBeGreaterThan(1000);
});

test('a database whose deletion was cut off keeps nobody from reading the others', async () => {
  const tenant = await tenantWithNotes();
  const { timelineId } = tenant.timeline;
  await queryValue(tenant.socketPath, 'CREATE DATABASE doomed');
  const admin = { user: 'cloud_admin', password: adminSecret(directory, timelineId) };
  // What `DROP DATABASE` writes down before it removes anything.
  const invalidate = "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'doomed'";
  await queryValue(tenant.socketPath, invalidate, admin);
  expect(await host.verify(timelineId, {})).toMatchObject({ problems: [], amcheck: true });
  const schema = { ...tenant.timeline, timelineId: newTimelineId() };
  const source = { kind: 'schema', timelineId, at: { kind: 'head' } } as const;
  await host.putTimeline({ ...schema, source });
});

test('rows that one point of history has lost are missed beside those of another one', async () => {
  const tenant = await tenantWithPoints();
  const { timelineId } = tenant.timeline;
  const at = await headOf(tenant);
  const whole = await host.verify(timelineId, { at });
  expect(whole).toMatchObject({ compared: true, problems: [] });
  forgetBlock(join(tree(history(tenant).points[1]!.tree), tenant.file), 3);
  const damaged = await host.verify(timelineId, { at });
  expect(damaged.problems).toEqual([
    expect.stringMatching(
      /^neondb: table public.notes has \d+ rows in one copy and 1000 rows in another$/,
    ),
  ]);
});

test('what lies there at rest is compared with what its only point of history leads to', async () => {
  const tenant = await tenantWithNotes();
  const { timelineId } = tenant.timeline;
  await host.suspend(tenant.endpointId);
  expect(await host.verify(timelineId, {})).toMatchObject({ compared: true, problems: [] });
  forgetBlock(join(tree(timelineId), tenant.file), 3);
  const damaged = await host.verify(timelineId, {});
  expect(damaged.problems).toEqual([expect.stringContaining('and 1000 rows in another')]);
});

test('what runs and has had one point of history only is compared at its head', async () => {
  const tenant = await tenantWithNotes();
  const { timelineId } = tenant.timeline;
  const { at } = await host.resolvePoint(timelineId, { kind: 'head' });
  // What it was before its second point only the first one leads to.
  expect(await host.verify(timelineId, { at })).toMatchObject({ compared: false, problems: [] });
  const report = await host.verify(timelineId, {});
  expect(report).toMatchObject({ compared: true, problems: [], recoveryPointSeconds: 0 });
  expect(report.rows).toBeGreaterThan(1000);
  expect(history(tenant).points).toHaveLength(2);
});

test('a point of history that cannot be restored from is found although another one can', async () => {
  const tenant = await tenantWithPoints();
  const { timelineId } = tenant.timeline;
  const at = await headOf(tenant);
  overwrite(join(tree(history(tenant).points[1]!.tree), 'global', 'pg_control'), 0, 64);
  const report = await host.verify(timelineId, { at });
  expect(report).toMatchObject({
    compared: true,
    problems: [expect.stringContaining('history of this branch is damaged')],
  });
  expect(report.rows).toBeGreaterThan(1000);
  expect((await host.timeline(timelineId)).lost).toEqual([]);
});

test('a head that cannot be restored is found, and how much would be gone', async () => {
  const tenant = await tenantWithPoints();
  const { timelineId } = tenant.timeline;
  const at = await headOf(tenant);
  await queryValue(tenant.socketPath, 'INSERT INTO notes SELECT * FROM notes');
  const segment = segmentAt(1, parseLsn(at.lsn));
  const live = join(tree(timelineId), 'pg_wal', segment.name);
  overwrite(live, Number(parseLsn(at.lsn) - segment.start) + 4.5 * BLOCK_BYTES, 10);
  const report = await host.verify(timelineId, { at });
  expect(report.problems).toEqual([expect.stringContaining('the head cannot be restored')]);
  expect(report.recoveryPointSeconds).toBeGreaterThan(0);
  expect(report.rows).toBeGreaterThan(1000);
});

test('a drill leaves nothing behind', async () => {
  const tenant = await tenantWithNotes();
  const timelines = () => readdirSync(tree('')).filter((name) => name.startsWith('tl-'));
  const before = timelines();
  await host.verify(tenant.timeline.timelineId, {});
  expect(timelines()).toEqual(before);
  expect((await host.endpoint(tenant.endpointId)).state).toBe('active');
});
