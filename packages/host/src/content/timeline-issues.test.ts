import type { IssuesRequest, TimelineId } from '@pgfleet/contract';
import { newTimelineId } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, newTenant, postmasters, startTenant } from '../test-host.ts';

const { host, directory } = sharedTestHost({ volume: 'auto' });

const definitions = `
  CREATE TABLE t (id int PRIMARY KEY, a int); CREATE TABLE loose (id int);
  CREATE INDEX idle ON t (a); CREATE INDEX again ON t (a);
  GRANT SELECT ON t TO PUBLIC;`;

const found = [
  'rls_disabled_in_public_public.t',
  'duplicate_index_public.again',
  'rls_disabled_in_public_public.loose',
  'no_primary_key_public.loose',
];

async function keysOf(timelineId: TimelineId, wanted: Partial<IssuesRequest> = {}) {
  const { issues } = await host.issues(timelineId, { database: 'neondb', ...wanted });
  return issues.map(({ cache_key }) => cache_key);
}

async function run(socketPath: string, sql: string): Promise<void> {
  await using connection = await connect(socketPath);
  await connection.client.query(sql);
}

const isRunning = (id: TimelineId) => postmasters(directory, id).length > 0;

test('a database is judged while its compute runs, and while it sleeps without waking it', async () => {
  const { socketPath, timeline, endpointId } = await startTenant(host);
  const { timelineId } = timeline;
  await run(socketPath, definitions);
  expect(await keysOf(timelineId)).toEqual(found);
  await host.suspend(endpointId);
  expect(await keysOf(timelineId)).toEqual(found);
  expect((await host.endpoint(endpointId)).state).toBe('idle');
  expect(isRunning(timelineId)).toBe(false);
});

test('of what is found only what is asked for is told', async () => {
  const { socketPath, timeline } = await startTenant(host);
  await run(socketPath, definitions);
  expect(await keysOf(timeline.timelineId, { minLevel: 'WARN' })).toEqual(found.slice(0, 2));
  const security = await keysOf(timeline.timelineId, { category: 'SECURITY' });
  expect(security).toEqual([found[0], found[2]]);
});

test('what was counted while a compute ran is known when it sleeps', async () => {
  const { socketPath, timeline, endpointId } = await startTenant(host);
  await run(socketPath, definitions);
  await run(socketPath, 'DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM FROM t; END LOOP; END $$');
  const isTold = async () =>
    (await keysOf(timeline.timelineId)).includes('unused_index_public.idle') || undefined;
  await waitUntil(isTold, { what: 'the statistics of the scans', timeoutMs: 30_000 });
  await host.suspend(endpointId);
  expect(await isTold()).toBe(true);
});

test('a timeline that was never opened is judged too', async () => {
  const { timeline } = newTenant();
  await host.putTimeline(timeline);
  expect(await keysOf(timeline.timelineId)).toEqual([]);
});

test('a compute that goes to rest meanwhile keeps nobody from an answer', async () => {
  const { socketPath, timeline, endpointId } = await startTenant(host);
  await run(socketPath, definitions);
  for (let round = 0; round < 4; round += 1) {
    const [keys] = await Promise.all([keysOf(timeline.timelineId), host.suspend(endpointId)]);
    expect(keys).toEqual(found);
    await host.start(endpointId);
  }
});

test('what is not there is not judged', async () => {
  const { timeline, endpointId } = await startTenant(host);
  const { timelineId } = timeline;
  for (const database of ['nobody', 'template0']) {
    const missing = keysOf(timelineId, { database });
    await expect(missing).rejects.toMatchObject({ code: 'database_not_found' });
  }
  await host.suspend(endpointId);
  const asleep = keysOf(timelineId, { database: 'nobody' });
  await expect(asleep).rejects.toMatchObject({ code: 'database_not_found' });
  await expect(keysOf(newTimelineId())).rejects.toMatchObject({ code: 'timeline_not_found' });
});
