import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { PointInTime, TimelineSpec } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { HistoryRecord } from '../history/history-record.ts';
import { postmasters, presentOf, queryValue, startTenant } from '../test-host.ts';
import { HostProcesses } from '../test-host-process.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const region = 'aws-us-east-2';
let hosts: HostProcesses;
let host: ChildProcess;
let tenant: Tenant;
beforeAll(async () => {
  hosts = await HostProcesses.open({ PGFLEET_VOLUME: 'auto' });
  host = await hosts.start();
}, 120_000);
// An orderly stop takes the volume's mount away.
afterAll(async () => {
  await hosts.kill(host, 'SIGTERM');
  await hosts[Symbol.asyncDispose]();
});
beforeEach(async () => {
  tenant = await startTenant(hosts.client.host);
  await queryValue(tenant.socketPath, 'CREATE TABLE notes AS SELECT 1 AS n');
});

// Replaying this takes a moment.
async function writeMuch(mebibytes = 50): Promise<void> {
  const message = `pg_logical_emit_message(false, 'filler', repeat('x', 1048576))`;
  const sql = `SELECT count(${message}) FROM generate_series(1, ${mebibytes})`;
  await queryValue(tenant.socketPath, sql);
}

/** A copy of a time, unlike one of the head, is always recovered when it is made. */
function branchSpec(at: PointInTime): TimelineSpec {
  const { timelineId } = tenant.timeline;
  const source = { kind: 'timeline', timelineId, at } as const;
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  return { ...tenant.timeline, ...ids, source, initial: { roles: [], databases: [] } };
}

/** What a branch has, through an endpoint of its own. */
async function rowsOf({ branchId, timelineId }: TimelineSpec): Promise<unknown> {
  const { host: api } = hosts.client;
  const endpointId = newEndpointId(region);
  await api.putEndpoint({ ...tenant.endpoint, branchId, timelineId, endpointId, generation: 1 });
  const { socketPath } = await api.start(endpointId);
  const rows = await queryValue(socketPath, 'SELECT count(*) FROM notes');
  await api.deleteEndpoint(endpointId);
  return rows;
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}

const volume = (place: string) => join(hosts.path, 'host', 'volume', 'volume', place);

function has(place: 'incoming' | 'trash', prefix: string): boolean {
  return readdirSync(volume(place)).some((name) => name.startsWith(prefix));
}

const pointPrefix = () => tenant.timeline.timelineId.replace('tl-', 'pt-');

function history(): HistoryRecord | undefined {
  const path = join(hosts.path, 'host', 'history', `${tenant.timeline.timelineId}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as HistoryRecord) : undefined;
}

/** Kills the host as soon as something has come to pass, and starts another one. */
async function killOnce(what: string, condition: () => boolean): Promise<void> {
  await waitUntil(condition, { what, timeoutMs: 40_000, intervalMs: 1 });
  await hosts.kill(host, 'SIGKILL');
  host = await hosts.start();
}

/** Everything on disk belongs to something that is written down. */
function expectTidy(): void {
  const points = new Set(history()?.points.map(({ tree }) => tree));
  const own = hosts.trees(pointPrefix());
  expect(own.filter((tree) => !points.has(tree))).toEqual([]);
  expect([...points].filter((tree) => tree.startsWith('pt-') && !own.includes(tree))).toEqual([]);
  expect(hosts.trees('tl-')).toEqual(hosts.timelines().toSorted());
}

async function expectSourceIntact(rows: string): Promise<void> {
  const { socketPath } = await hosts.client.host.start(tenant.endpointId);
  expect(await queryValue(socketPath, 'SELECT count(*) FROM notes')).toBe(rows);
}

test('a host that is killed while a copy recovers finishes it, and nothing is left over', async () => {
  await writeMuch();
  const spec = branchSpec(await presentOf(tenant));
  const put = hosts.client.host.putTimeline(spec).catch(() => undefined);
  await killOnce('a recovery', () => postmasters(hosts.path, spec.timelineId).length > 0);
  await put;
  await hosts.client.host.putTimeline(spec);
  expect(postmasters(hosts.path, spec.timelineId)).toEqual([]);
  expect(await rowsOf(spec)).toBe('1');
  await expectSourceIntact('1');
  expectTidy();
});

test('a host that is killed before or while a branch is opened at once makes it again', async () => {
  await writeMuch();
  const { host: api } = hosts.client;
  const { at } = await api.resolvePoint(tenant.timeline.timelineId, { kind: 'head' });
  for (const killsInLaunch of [false, true]) {
    const spec = { ...branchSpec(at), opensAtOnce: true };
    const { branchId, timelineId } = spec;
    await api.putTimeline(spec);
    await queryValue(tenant.socketPath, 'INSERT INTO notes VALUES (2)');
    const endpointId = newEndpointId(region);
    await api.putEndpoint({ ...tenant.endpoint, branchId, timelineId, endpointId, generation: 1 });
    const opened = killsInLaunch ? failureOf(api.start(endpointId)) : undefined;
    const isLaunched = () => !killsInLaunch || postmasters(hosts.path, timelineId).length > 0;
    await killOnce('a launch', isLaunched);
    await opened;
    expect(postmasters(hosts.path, timelineId)).toEqual([]);
    const { socketPath } = await hosts.client.host.start(endpointId);
    expect(await queryValue(socketPath, 'SELECT count(*) FROM notes')).toBe('1');
    await hosts.client.host.deleteEndpoint(endpointId);
  }
  await expectSourceIntact('3');
  expectTidy();
});

test('a host that is killed while it makes a branch again that was never opened begins anew', async (context) => {
  const { host: api } = hosts.client;
  const { volumeDriver } = await api.info();
  context.skip(volumeDriver === 'copy', 'a volume that copies leaves no recovery to a launch');
  await writeMuch();
  const { at } = await api.resolvePoint(tenant.timeline.timelineId, { kind: 'head' });
  const spec = branchSpec(at);
  await api.putTimeline({ ...spec, opensAtOnce: true });
  await api.deleteTimeline(tenant.timeline.timelineId);
  const made = failureOf(api.putTimeline(spec));
  await killOnce('what it was to be set aside', () => hosts.trees('old-').length > 0);
  await made;
  expect(hosts.trees('old-')).toEqual([]);
  expect(hosts.trees('tl-')).toContain(spec.timelineId);
  expect(await rowsOf(spec)).toBe('1');
});

test('a run at rest that a killed host has left is stopped by the next one', async () => {
  const { timelineId } = tenant.timeline;
  const spec = { ...branchSpec({ kind: 'head' }), source: { kind: 'template' } as const };
  await hosts.client.host.putTimeline(spec);
  const asked = failureOf(hosts.client.host.resolvePoint(spec.timelineId, { kind: 'head' }));
  await killOnce('a run', () => postmasters(hosts.path, spec.timelineId).length > 0);
  await asked;
  expect(postmasters(hosts.path, spec.timelineId)).toEqual([]);
  expect(postmasters(hosts.path, timelineId)).toHaveLength(1);
});

test('a host that is killed while a copy is cloned finishes it, and nothing is left over', async () => {
  await hosts.client.host.suspend(tenant.endpointId);
  const spec = branchSpec({ kind: 'head' });
  const put = hosts.client.host.putTimeline(spec).catch(() => undefined);
  await killOnce('a clone', () => has('incoming', spec.timelineId));
  await put;
  await hosts.client.host.putTimeline(spec);
  expect(await rowsOf(spec)).toBe('1');
  await expectSourceIntact('1');
  expectTidy();
});

test('a host that is killed while it takes a point of a running compute takes another', async () => {
  await writeMuch(70);
  await killOnce('a point', () => has('incoming', pointPrefix()));
  expectTidy();
  await expect.poll(() => history()?.points.length, { timeout: 40_000 }).toBeGreaterThanOrEqual(2);
  await queryValue(tenant.socketPath, 'INSERT INTO notes VALUES (2)');
  const spec = branchSpec({ kind: 'head' });
  await hosts.client.host.putTimeline(spec);
  expect(await rowsOf(spec)).toBe('2');
  await expectSourceIntact('2');
  expectTidy();
});

test('a host that is killed while it lets go of history goes on with it', async () => {
  await writeMuch(70);
  const count = () => history()?.points.length ?? 0;
  await expect.poll(count, { timeout: 40_000 }).toBeGreaterThanOrEqual(2);
  await hosts.client.host.putTimeline({ ...tenant.timeline, historyRetentionSeconds: 0 });
  await writeMuch(20);
  const suspended = hosts.client.host.suspend(tenant.endpointId).catch(() => undefined);
  await killOnce('an expiry', () => count() === 1);
  await suspended;
  expectTidy();
  await queryValue((await hosts.client.host.start(tenant.endpointId)).socketPath, 'SELECT 1');
  const spec = branchSpec({ kind: 'head' });
  await hosts.client.host.putTimeline(spec);
  expect(await rowsOf(spec)).toBe('1');
  await expectSourceIntact('1');
});

test('a recovery whose Postgres is killed fails without a loss, and succeeds the next time', async () => {
  await writeMuch();
  const spec = branchSpec(await presentOf(tenant));
  const put = failureOf(hosts.client.host.putTimeline(spec));
  const pids = () => postmasters(hosts.path, spec.timelineId);
  await waitUntil(() => pids().length > 0, {
    what: 'a recovery',
    timeoutMs: 40_000,
    intervalMs: 1,
  });
  for (const pid of pids()) process.kill(pid, 'SIGKILL');
  expect(await put).toMatchObject({ code: 'compute_start_failed' });
  expect(pids()).toEqual([]);
  await hosts.client.host.putTimeline(spec);
  expect(await rowsOf(spec)).toBe('1');
  expect((await hosts.client.host.timeline(tenant.timeline.timelineId)).lost).toEqual([]);
  await expectSourceIntact('1');
  expectTidy();
});

test('a deletion ends a copy that is being made', async () => {
  await writeMuch();
  const spec = branchSpec(await presentOf(tenant));
  const put = failureOf(hosts.client.host.putTimeline(spec));
  const pids = () => postmasters(hosts.path, spec.timelineId);
  await waitUntil(() => pids().length > 0, {
    what: 'a recovery',
    timeoutMs: 40_000,
    intervalMs: 1,
  });
  await hosts.client.host.deleteTimeline(spec.timelineId);
  expect(await put).toMatchObject({ code: 'timeline_not_found' });
  expect(pids()).toEqual([]);
  expectTidy();
});

test('an orderly stop ends a copy that is being made, which the next host finishes', async () => {
  await writeMuch();
  const spec = branchSpec(await presentOf(tenant));
  const put = hosts.client.host.putTimeline(spec).catch(() => undefined);
  const pids = () => postmasters(hosts.path, spec.timelineId);
  await waitUntil(() => pids().length > 0, {
    what: 'a recovery',
    timeoutMs: 40_000,
    intervalMs: 1,
  });
  expect(await hosts.kill(host, 'SIGTERM')).toBe(0);
  expect(pids()).toEqual([]);
  await put;
  host = await hosts.start();
  await hosts.client.host.putTimeline(spec);
  expect(await rowsOf(spec)).toBe('1');
  expectTidy();
});
