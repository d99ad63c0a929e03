import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { EndpointId } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  connect,
  newTenant,
  postmasters,
  queryValue,
  scramVerifier,
  startTenant,
} from './test-host.ts';
import { HostProcesses } from './test-host-process.ts';

let hosts: HostProcesses;
let client: HostProcesses['client'];

beforeAll(async () => {
  hosts = await HostProcesses.open();
  ({ client } = hosts);
});
afterEach(() => hosts.endAll());
afterAll(() => hosts[Symbol.asyncDispose]());

test('computes serve on while their host is killed, and the next host adopts them', async () => {
  const first = await hosts.start();
  const { endpointId, socketPath, timeline } = await startTenant(client.host);
  await queryValue(socketPath, 'CREATE TABLE t AS SELECT 1 AS n');
  const before = postmasters(hosts.path, timeline.timelineId);
  await hosts.kill(first, 'SIGKILL');
  expect(await queryValue(socketPath, 'SELECT n FROM t')).toBe(1);

  await hosts.start();
  expect((await client.host.endpoint(endpointId)).state).toBe('active');
  expect(await client.host.start(endpointId)).toEqual({ socketPath, started: false });
  expect(postmasters(hosts.path, timeline.timelineId)).toEqual(before);
  const login = await client.host.login(endpointId, { role: 'neondb_owner' });
  expect(login.verifier).toContain('SCRAM-SHA-256$');

  await client.host.suspend(endpointId);
  expect(postmasters(hosts.path, timeline.timelineId)).toEqual([]);
});

test('what a view of the past used until and after its host was killed counts', async () => {
  const first = await hosts.start();
  const { endpointId, timeline } = await startTenant(client.host);
  const { at } = await client.host.resolvePoint(timeline.timelineId, { kind: 'head' });
  await client.host.suspend(endpointId);
  const before = await client.host.endpoint(endpointId);
  const role = { name: 'neondb_owner', verifier: scramVerifier('today') };
  const view = await client.host.timeTravel({ endpointId, at, role });
  await queryValue(view.socketPath, 'SELECT pg_sleep(2)', { password: 'today' });
  await hosts.kill(first, 'SIGKILL');
  await hosts.start();
  const after = await client.host.endpoint(endpointId);
  expect(after.activeSeconds).toBeGreaterThan(before.activeSeconds + 2);
  await expect(client.host.endpoint(view.endpointId)).rejects.toThrow();
});

test('a replica reads on while its host is killed, and the next host keeps it', async () => {
  const first = await hosts.start();
  const { endpoint, socketPath } = await startTenant(client.host);
  await queryValue(socketPath, 'CREATE TABLE t AS SELECT 1 AS n');
  const endpointId = 'ep-replica' as EndpointId;
  await client.host.putEndpoint({ ...endpoint, endpointId, type: 'read_only' });
  const replica = await client.host.start(endpointId);
  await using reader = await connect(replica.socketPath);
  await hosts.kill(first, 'SIGKILL');
  await queryValue(socketPath, 'INSERT INTO t VALUES (2)');
  await hosts.start();
  const isFollowing = async () => (await reader.client.query('SELECT FROM t')).rowCount === 2;
  await waitUntil(isFollowing, { what: 'the replica to follow', timeoutMs: 10_000 });
  expect(await client.host.start(endpointId)).toEqual({ ...replica, started: false });
});

test('a compute with the room of its prepared transactions keeps its clients in a live change', async () => {
  const first = await hosts.start();
  const lavish = { pgSettings: { max_prepared_transactions: '20' } };
  const { endpoint, endpointId, socketPath } = await startTenant(client.host, lavish);
  await using preparing = await connect(socketPath);
  await preparing.client.query(`BEGIN; CREATE TABLE t (n int); PREPARE TRANSACTION 'kept'`);
  await client.host.suspend(endpointId);
  const change = (work_mem: string, generation: number) => {
    const pgSettings = { max_prepared_transactions: '10', work_mem };
    return client.host.putEndpoint({ ...endpoint, pgSettings, generation });
  };
  const suspendOutdated = () => client.host.suspend(endpointId, { onlyOutdated: true });
  await change('5MB', 2);
  await client.host.start(endpointId);
  await using session = await connect(socketPath);
  await change('6MB', 3);
  expect((await suspendOutdated()).state).toBe('active');
  await hosts.kill(first, 'SIGKILL');
  await hosts.start();
  await change('7MB', 4);
  expect((await suspendOutdated()).state).toBe('active');
  const { rows } = await session.client.query('SHOW work_mem');
  expect(rows).toEqual([{ work_mem: '7MB' }]);
  await session.client.query(`ROLLBACK PREPARED 'kept'`);
});

test('a compute that dies while no host runs is known to be gone', async () => {
  const first = await hosts.start();
  const { endpointId, socketPath, timeline } = await startTenant(client.host);
  await hosts.kill(first, 'SIGKILL');
  process.kill(postmasters(hosts.path, timeline.timelineId)[0]!, 'SIGKILL');
  await hosts.start();
  expect((await client.host.endpoint(endpointId)).state).toBe('idle');
  await client.host.start(endpointId);
  expect(await queryValue(socketPath, 'SELECT 1')).toBe(1);
});

test('an orderly stop suspends every compute, leaves no process and ends with 0', async () => {
  const host = await hosts.start();
  const tenants = [await startTenant(client.host), await startTenant(client.host)];
  const begin = performance.now();
  expect(await hosts.kill(host, 'SIGTERM')).toBe(0);
  expect(performance.now() - begin).toBeLessThan(5000);
  for (const { socketPath, timeline } of tenants) {
    expect(postmasters(hosts.path, timeline.timelineId)).toEqual([]);
    expect(existsSync(socketPath)).toBe(false);
  }
});

test('a timeline never has two postmasters, whenever hosts are killed', async () => {
  let host = await hosts.start();
  const { endpointId, timeline } = await startTenant(client.host);
  const watch = watchPostmasters(timeline.timelineId);
  for (const delayMs of [0, 5, 15, 30]) {
    await client.host.suspend(endpointId);
    const start = client.host.start(endpointId).catch(() => undefined);
    const kills = performance.now() + delayMs;
    await waitUntil(() => performance.now() >= kills, { what: 'the moment', timeoutMs: 1000 });
    await hosts.kill(host, 'SIGKILL');
    await start;
    host = await hosts.start();
    await client.host.start(endpointId);
    expect(postmasters(hosts.path, timeline.timelineId)).toHaveLength(1);
  }
  expect(watch.stop()).toBeLessThanOrEqual(1);
});

test('creations that a kill cut off are finished or can be repeated, and nothing is left over', async () => {
  const host = await hosts.start();
  const tenants = Array.from({ length: 4 }, () => newTenant().timeline);
  const made = tenants.map((timeline) => client.host.putTimeline(timeline));
  const settled = Promise.allSettled(made);
  await Promise.any(made);
  await hosts.kill(host, 'SIGKILL');
  await settled;

  await hosts.start();
  await Promise.all(tenants.map((timeline) => client.host.putTimeline(timeline)));
  expect(hosts.trees('tl-')).toEqual(hosts.timelines().toSorted());
  for (const { timelineId } of tenants) expect(hosts.trees()).toContain(timelineId);
});

test('a second host on the same directory is refused', async () => {
  await hosts.start();
  const second = hosts.spawn({ PGFLEET_LOG_LEVEL: 'silent' });
  const [code] = (await once(second, 'exit')) as [number];
  expect(code).toBe(1);
});

/** Counts postmasters all the time; `stop` returns the most that were there at once. */
function watchPostmasters(timelineId: string): { readonly stop: () => number } {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, postmasters(hosts.path, timelineId).length);
  }, 10);
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}
