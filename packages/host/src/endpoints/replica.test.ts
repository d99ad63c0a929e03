import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { newEndpointId } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { adminSecret, connect, postmasters, queryValue } from '../test-host.ts';
import { servedTimelineId } from './served-timeline.ts';
import { count, note, untilCount, withReplica } from './test-replica.ts';

const { host, directory } = sharedTestHost();

test('a replica has what was committed before it was started, and what is written later', async () => {
  const { socketPath, wake } = await withReplica(host);
  await note(socketPath);
  const reader = await wake();
  expect(await count(reader)).toBe(2);
  await note(socketPath);
  await untilCount(reader, 3);
});

test('a replica refuses to write, whatever its session says', async () => {
  const { wake } = await withReplica(host);
  await using reader = await connect(await wake());
  const insert = reader.client.query('INSERT INTO notes VALUES (3)');
  await expect(insert).rejects.toMatchObject({ code: '25006' });
  const set = reader.client.query('SET transaction_read_only = off');
  await expect(set).rejects.toThrow('cannot set transaction read-write mode during recovery');
});

test('a replica of a branch that sleeps shows it without waking it, and goes on when it wakes', async () => {
  const { endpointId, wake } = await withReplica(host);
  await host.suspend(endpointId);
  const reader = await wake();
  expect(await count(reader)).toBe(1);
  expect((await host.endpoint(endpointId)).state).toBe('idle');
  const { socketPath } = await host.start(endpointId);
  await note(socketPath);
  await untilCount(reader, 2);
  // It keeps nobody from sleeping.
  expect((await host.suspend(endpointId)).state).toBe('idle');
  expect(await count(reader)).toBe(2);
});

test('a replica that slept shows what was written meanwhile, and leaves nothing while it sleeps', async () => {
  const { socketPath, replica, timeline, wake } = await withReplica(host);
  await wake();
  expect(await trees()).toContain(servedTimelineId(replica));
  await host.suspend(replica.endpointId);
  expect(await trees()).not.toContain(servedTimelineId(replica));
  expect(postmasters(directory, timeline.timelineId)).toHaveLength(1);
  await note(socketPath);
  expect(await count(await wake())).toBe(2);
});

test('a login to a replica that sleeps is answered by the branch', async () => {
  const { socketPath, endpointId, replica } = await withReplica(host);
  const verifier = (role: string) =>
    host.login(replica.endpointId, { role }).then((login) => login.verifier);
  const before = await verifier('neondb_owner');
  expect(before).toMatch(/^SCRAM/);
  await queryValue(socketPath, "ALTER ROLE neondb_owner PASSWORD 'changed by SQL'");
  expect(await verifier('neondb_owner')).not.toBe(before);
  await host.suspend(endpointId);
  expect(await verifier('neondb_owner')).toMatch(/^SCRAM/);
  expect((await host.endpoint(replica.endpointId)).state).toBe('idle');
  expect((await host.endpoint(endpointId)).state).toBe('idle');
});

test('a tenant cannot read how its replica logs in', async () => {
  const { wake } = await withReplica(host);
  const reader = await wake();
  const conninfo = await queryValue(reader, "SELECT current_setting('primary_conninfo')");
  expect(conninfo).toContain('passfile');
  expect(conninfo).not.toContain('password=');
  const read = queryValue(reader, "SELECT pg_read_file('pgfleet.pgpass')");
  await expect(read).rejects.toMatchObject({ code: '42501' });
});

test('a branch has many replicas', async () => {
  const { socketPath, replica, wake } = await withReplica(host);
  const others = Array.from({ length: 3 }, () => newEndpointId('aws-us-east-2'));
  for (const endpointId of others) await host.putEndpoint({ ...replica, endpointId });
  const readers = [wake(), ...others.map(async (id) => (await host.start(id)).socketPath)];
  const sockets = await Promise.all(readers);
  await note(socketPath);
  await Promise.all(sockets.map((reader) => untilCount(reader, 2)));
  expect(new Set(sockets).size).toBe(4);
});

test('a replica goes on where its primary was killed and came back', async () => {
  const { endpointId, timeline, replica, wake } = await withReplica(host);
  const reader = await wake();
  const [postmaster] = postmasters(directory, timeline.timelineId);
  process.kill(postmaster!, 'SIGKILL');
  await waitUntil(async () => (await host.endpoint(endpointId)).state === 'idle', {
    what: 'the host to notice',
    timeoutMs: 10_000,
  });
  const { socketPath } = await host.start(endpointId);
  await note(socketPath);
  await untilCount(reader, 2);
  expect((await host.endpoint(replica.endpointId)).state).toBe('active');
});

test('a replica goes over to the timeline that its branch was restored to', async () => {
  const { timeline, endpoint, replica, wake } = await withReplica(host);
  await wake();
  const restored = {
    ...timeline,
    timelineId: `tl-${'r'.repeat(20)}` as typeof timeline.timelineId,
    source: { kind: 'timeline', timelineId: timeline.timelineId, at: { kind: 'head' } },
  } as const;
  await host.putTimeline(restored);
  const next = { timelineId: restored.timelineId, generation: 2 };
  await host.putEndpoint({ ...replica, ...next });
  await host.putEndpoint({ ...endpoint, ...next });
  const { socketPath } = await host.start(endpoint.endpointId);
  await queryValue(socketPath, 'DELETE FROM notes');
  const reader = await wake();
  await untilCount(reader, 0);
  await host.deleteTimeline(timeline.timelineId);
  expect(await count(reader)).toBe(0);
});

test('a replica keeps no WAL that it has replayed', async () => {
  const { socketPath, timeline, wake } = await withReplica(host);
  const reader = await wake();
  const segments = `SELECT count(*)::int FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'`;
  const filler = `SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1048576))
    FROM generate_series(1, 20)`;
  for (let index = 0; index < 5; index++) await queryValue(socketPath, filler);
  const admin = { user: 'cloud_admin', password: adminSecret(directory, timeline.timelineId) };
  await queryValue(socketPath, 'CHECKPOINT', admin);
  await note(socketPath);
  await untilCount(reader, 2);
  expect(await queryValue(reader, segments)).toBeGreaterThan(5);
  await queryValue(reader, 'CHECKPOINT', admin);
  expect(await queryValue(reader, segments)).toBeLessThanOrEqual(4);
});

test('a replica ends with the data of its branch', async () => {
  const { endpointId, timeline, replica, wake } = await withReplica(host);
  await wake();
  await host.deleteTimeline(timeline.timelineId);
  await host.deleteEndpoint(endpointId);
  expect((await host.endpoint(replica.endpointId)).state).toBe('idle');
  await expect(wake()).rejects.toMatchObject({ code: 'timeline_not_found' });
  await host.deleteEndpoint(replica.endpointId);
});

test('settings of a replica are its own, and change while it runs', async () => {
  const { replica, socketPath, wake } = await withReplica(host, {
    pgSettings: { work_mem: '9MB' },
  });
  const reader = await wake();
  expect(await queryValue(reader, 'SHOW work_mem')).toBe('9MB');
  expect(await queryValue(socketPath, 'SHOW work_mem')).not.toBe('9MB');
  await host.putEndpoint({ ...replica, pgSettings: { work_mem: '11MB' }, generation: 2 });
  expect(await queryValue(reader, 'SHOW work_mem')).toBe('11MB');
});

test('a replica that has more room than was asked for keeps its clients in a live change', async () => {
  const { endpoint, replica, socketPath, endpointId, wake } = await withReplica(host, {
    pgSettings: { max_prepared_transactions: '10', max_locks_per_transaction: '70' },
  });
  const pgSettings = { ...endpoint.pgSettings, max_locks_per_transaction: '80' };
  await host.suspend(endpointId);
  await host.putEndpoint({ ...endpoint, pgSettings, generation: 2 });
  await host.start(endpointId);
  await note(socketPath);
  await using reader = await connect(await wake());
  const change = (more: Record<string, string>, generation: number) =>
    host.putEndpoint({ ...replica, pgSettings: { ...replica.pgSettings, ...more }, generation });
  const suspendOutdated = () => host.suspend(replica.endpointId, { onlyOutdated: true });
  await change({ work_mem: '11MB' }, 2);
  expect((await suspendOutdated()).state).toBe('active');
  const { rows } = await reader.client.query<{ settings: string[] }>(
    `SELECT ARRAY[current_setting('work_mem'), current_setting('max_locks_per_transaction'),
      current_setting('max_prepared_transactions')] AS settings`,
  );
  expect(rows[0]?.settings).toEqual(['11MB', '80', '256']);
  await change({ max_locks_per_transaction: '90' }, 3);
  expect((await suspendOutdated()).state).toBe('idle');
  expect(await queryValue(await wake(), 'SHOW max_locks_per_transaction')).toBe('90');
});

test('a replica with less room than its primary came to have is made anew for the next client', async () => {
  const { endpoint, endpointId, replica, wake } = await withReplica(host);
  const reader = await wake();
  // A primary with more room than its standby has: that stops, and nothing but a new start helps.
  await host.suspend(endpointId);
  await host.putEndpoint({ ...endpoint, minCu: 1, maxCu: 2, generation: 2 });
  const { socketPath } = await host.start(endpointId);
  await note(socketPath);
  await waitUntil(async () => (await host.endpoint(replica.endpointId)).state === 'idle', {
    what: 'the replica to be suspended',
    timeoutMs: 60_000,
  });
  await expect(count(reader)).rejects.toThrow();
  expect(await count(await wake())).toBe(2);
});

/** Names of all that the volume keeps. */
function trees(): Promise<readonly string[]> {
  return readdir(join(directory, 'host', 'volume', 'volume', 'trees'));
}
