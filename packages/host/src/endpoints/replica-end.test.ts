import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { EndpointId, EndpointSpec, TimelineId } from '@pgfleet/contract';
import { sleep, waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { pointTreePrefix } from '../restore/point-tree.ts';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, postmasters, queryValue, scramVerifier, testPassword } from '../test-host.ts';
import { servedTimelineId } from './served-timeline.ts';
import { count, note, untilCount, withReplica } from './test-replica.ts';

/* What a replica must not show any more, and what must be left of it. */

const { host, directory } = sharedTestHost();

const stateOf = async (endpointId: EndpointId) => (await host.endpoint(endpointId)).state;

const untilIdle = (endpointId: EndpointId) =>
  waitUntil(async () => (await stateOf(endpointId)) === 'idle', {
    what: 'the endpoint to be idle',
    timeoutMs: 30_000,
  });

const setPassword = (timelineId: TimelineId, password: string) =>
  host.content(timelineId, {
    changes: [{ kind: 'set_password', name: 'neondb_owner', verifier: scramVerifier(password) }],
  });

async function hasTree(replica: EndpointSpec): Promise<boolean> {
  const trees = await readdir(join(directory, 'host', 'volume', 'volume', 'trees'));
  return trees.includes(servedTimelineId(replica));
}

const untilGone = (replica: EndpointSpec) =>
  waitUntil(async () => !(await hasTree(replica)), {
    what: 'the data of the replica to be gone',
    timeoutMs: 10_000,
  });

test('a replica has all that was written when its branch goes to sleep', async () => {
  const { socketPath, endpointId, wake } = await withReplica(host);
  const reader = await wake();
  await note(socketPath, 300_000);
  await host.suspend(endpointId);
  await untilCount(reader, 300_001);
  expect(await stateOf(endpointId)).toBe('idle');
});

test('a password that is changed while the branch sleeps counts in its replicas', async () => {
  const { endpointId, replica, timeline, wake } = await withReplica(host);
  const reader = await wake();
  await host.suspend(endpointId);
  await setPassword(timeline.timelineId, 'of today');
  await expect(count(reader)).rejects.toThrow();
  const login = await host.login(replica.endpointId, { role: 'neondb_owner' });
  expect(login.verifier).toMatch(/^SCRAM/);
  const current = { password: 'of today' };
  expect(await queryValue(await wake(), 'SELECT 1', current)).toBe(1);
  await expect(count(await wake())).rejects.toMatchObject({ code: '28P01' });
});

test('a password that is changed ends the sessions that the former one opened', async () => {
  const { timeline, wake } = await withReplica(host);
  await using session = await connect(await wake());
  await setPassword(timeline.timelineId, 'of today');
  await expect(session.client.query('SELECT 1')).rejects.toThrow();
  const current = { password: 'of today' };
  expect(await queryValue(await wake(), 'SELECT 1', current)).toBe(1);
});

test('a change of a branch that sleeps ends no replica when it wakes', async () => {
  const { endpointId, timeline, replica, wake } = await withReplica(host);
  await host.suspend(endpointId);
  await setPassword(timeline.timelineId, testPassword);
  const reader = await wake();
  await setPassword(timeline.timelineId, testPassword);
  const again = await wake();
  const { socketPath } = await host.start(endpointId);
  await note(socketPath);
  await untilCount(again, 2);
  expect(reader).toBe(again);
  await sleep(6_000);
  expect(await stateOf(replica.endpointId)).toBe('active');
});

test('the clients of a replica stay when another endpoint writes', async () => {
  const { endpoint, endpointId, wake } = await withReplica(host);
  await using session = await connect(await wake());
  await host.deleteEndpoint(endpointId);
  const next = { ...endpoint, endpointId: newEndpointId('aws-us-east-2') };
  await host.putEndpoint(next);
  const { socketPath } = await host.start(next.endpointId);
  await note(socketPath);
  const notes = () => session.client.query('SELECT FROM notes').then(({ rowCount }) => rowCount);
  await expect.poll(notes, { timeout: 20_000 }).toBe(2);
});

test('a replica that waits for its branch keeps nobody waiting', async () => {
  const { socketPath, replica, timeline } = await withReplica(host);
  await using writer = await connect(socketPath);
  await writer.client.query('BEGIN');
  // More subtransactions than a snapshot has room for: no standby can be read until this one ends.
  await writer.client.query(`DO $$ BEGIN FOR i IN 1..200 LOOP
    BEGIN INSERT INTO notes VALUES (i); EXCEPTION WHEN others THEN NULL; END;
  END LOOP; END $$`);
  await takePoint(socketPath, timeline.timelineId);
  const started = host.start(replica.endpointId).catch((error: unknown) => error);
  await sleep(2_000);
  expect(await stateOf(replica.endpointId)).toBe('starting');
  await host.suspend(replica.endpointId);
  await host.putEndpoint({ ...replica, timelineId: newTimelineId(), generation: 2 });
  await host.deleteEndpoint(replica.endpointId);
  expect(await started).toBeInstanceOf(Error);
  await untilGone(replica);
});

test('a replica that was killed leaves nothing', async () => {
  const { replica, wake } = await withReplica(host);
  await wake();
  const [postmaster] = postmasters(directory, servedTimelineId(replica));
  process.kill(postmaster!, 'SIGKILL');
  await untilIdle(replica.endpointId);
  await untilGone(replica);
  expect(await count(await wake())).toBe(1);
});

test('a replica that is deleted while it starts leaves nothing', async () => {
  for (const afterMs of [50, 200, 300, 400]) {
    const { replica, wake } = await withReplica(host);
    const woken = wake().catch(() => undefined);
    await sleep(afterMs);
    await host.deleteEndpoint(replica.endpointId);
    await woken;
    await untilGone(replica);
    await expect(host.endpoint(replica.endpointId)).rejects.toMatchObject({
      code: 'endpoint_not_found',
    });
  }
});

/** Has the host take a point of history of what runs. */
async function takePoint(socketPath: string, timelineId: TimelineId): Promise<void> {
  const points = async () => {
    const names = await readdir(join(directory, 'host', 'volume', 'volume', 'trees'));
    return names.filter((name) => name.startsWith(pointTreePrefix(timelineId))).length;
  };
  const before = await points();
  await waitUntil(
    async () => {
      await queryValue(socketPath, 'CREATE TABLE IF NOT EXISTS filler (n int)');
      await queryValue(socketPath, 'INSERT INTO filler SELECT generate_series(1, 200000)');
      return (await points()) > before;
    },
    { what: 'a point of history', timeoutMs: 45_000, intervalMs: 500 },
  );
}
