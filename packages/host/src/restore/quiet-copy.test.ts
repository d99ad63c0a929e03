import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, queryValue, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const region = 'aws-us-east-2';
const { host } = sharedTestHost({ volume: 'auto' });

/** A branch of a tenant's head whose compute runs. */
async function branchOf({ timeline, endpoint }: Tenant): Promise<string> {
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  const at = { kind: 'head' } as const;
  const source = { kind: 'timeline', timelineId: timeline.timelineId, at } as const;
  await host.putTimeline({ ...timeline, ...ids, source, initial: { roles: [], databases: [] } });
  const endpointId = newEndpointId(region);
  await host.putEndpoint({ ...endpoint, ...ids, endpointId, generation: 1 });
  return (await host.start(endpointId)).socketPath;
}

const SUBSCRIPTION = `CREATE SUBSCRIPTION theirs
  CONNECTION 'host=127.0.0.1 port=1 dbname=nobody password=none' PUBLICATION p
  WITH (connect = false, enabled = false, slot_name = 'at_the_publisher')`;

/** What goes out of a cluster by itself, and what it keeps for others. */
const STATE = `SELECT json_build_object(
  'slots', (SELECT count(*) FROM pg_replication_slots),
  'subscriptions', (SELECT json_agg(json_build_array(subenabled, subslotname)) FROM pg_subscription),
  'workers', (SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%worker'),
  'prepared', (SELECT json_agg(gid) FROM pg_prepared_xacts),
  'notifications', pg_notification_queue_usage())`;

test('a copy of a busy parent wakes quiet, recovered or cloned as it lies', async () => {
  const parent = await startTenant(host, { pgSettings: { max_prepared_transactions: '5' } });
  const session = await connect(parent.socketPath);
  const { client } = session;
  await client.query('CREATE TABLE notes (n int)');
  await client.query(SUBSCRIPTION);
  await client.query('ALTER SUBSCRIPTION theirs ENABLE');
  await client.query(`SELECT pg_create_physical_replication_slot('mine', true)`);
  await client.query('LISTEN news');
  await client.query('BEGIN');
  await client.query('INSERT INTO notes VALUES (1)');
  await client.query(`PREPARE TRANSACTION 'pending'`);
  await client.query(`NOTIFY news, 'unread'`);

  const recovered = await branchOf(parent);
  await session[Symbol.asyncDispose]();
  await host.suspend(parent.endpointId);
  const cloned = await branchOf(parent);
  expect((await host.endpoint(parent.endpointId)).state).toBe('idle');
  for (const socketPath of [recovered, cloned]) {
    expect(await queryValue(socketPath, STATE)).toEqual({
      slots: 0,
      subscriptions: [[false, null]],
      workers: 0,
      prepared: ['pending'],
      notifications: 0,
    });
    await queryValue(socketPath, `COMMIT PREPARED 'pending'`);
    expect(await queryValue(socketPath, 'SELECT n FROM notes')).toBe(1);
  }
  const { socketPath } = await host.start(parent.endpointId);
  expect(await queryValue(socketPath, STATE)).toMatchObject({
    slots: 1,
    subscriptions: [[true, 'at_the_publisher']],
    prepared: ['pending'],
  });
});
