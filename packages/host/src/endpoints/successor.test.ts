import { newTimelineId } from '@pgfleet/contract';
import type { EndpointSpec, HostClient, PointInTime, TimelineSpec } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, postmasters, queryValue, startTenant } from '../test-host.ts';
import { HostProcesses } from '../test-host-process.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const { host, directory } = sharedTestHost({ volume: 'auto' });

const NOTES = `SELECT coalesce(string_agg(text, ' ' ORDER BY text), 'none') FROM notes`;
const add = (text: string) => `INSERT INTO notes VALUES ('${text}')`;

/** A tenant with one note, and the time between that note and the next one. */
async function tenantWithPast(on = host): Promise<Tenant & { readonly between: PointInTime }> {
  const tenant = await startTenant(on);
  await queryValue(tenant.socketPath, 'CREATE TABLE notes (text text)');
  await queryValue(tenant.socketPath, add('before'));
  const now = await queryValue(tenant.socketPath, 'SELECT clock_timestamp()');
  const between: PointInTime = { kind: 'time', at: (now as Date).toISOString() };
  await queryValue(tenant.socketPath, 'SELECT pg_sleep(0.01)');
  await queryValue(tenant.socketPath, add('later'));
  return { ...tenant, between };
}

/** What control puts on the host for a restore, before the branch goes over to it. */
async function putPast({ timeline }: Tenant, at: PointInTime, on = host): Promise<TimelineSpec> {
  const present = timeline.timelineId;
  const past: TimelineSpec = {
    ...timeline,
    timelineId: newTimelineId(),
    source: { kind: 'timeline', timelineId: present, at },
    passwordsOf: present,
  };
  await on.putTimeline({ ...past, opensAtOnce: true });
  return past;
}

/** Names another timeline as the endpoint's. */
async function goOver(
  { endpoint, endpointId }: Pick<Tenant, 'endpoint' | 'endpointId'>,
  { timelineId }: Pick<TimelineSpec, 'timelineId'>,
  { generation = 2, on = host, ...change }: Partial<EndpointSpec> & { on?: HostClient } = {},
) {
  await on.putEndpoint({ ...endpoint, ...change, timelineId, generation });
  return on.endpoint(endpointId);
}

test('an endpoint goes over to the past that was opened beside it; until then it serves the present', async () => {
  const tenant = await tenantWithPast();
  await using client = await connect(tenant.socketPath);
  const ended = new Promise((resolve) => client.client.on('error', resolve));
  const past = await putPast(tenant, tenant.between);
  await host.openNext(tenant.endpointId, past.timelineId);
  await queryValue(tenant.socketPath, add('now'));
  const present = await host.start(tenant.endpointId);
  expect(await queryValue(present.socketPath, NOTES)).toBe('before later now');

  expect((await goOver(tenant, past)).state).toBe('active');
  expect(String(await ended)).toContain('terminating connection');
  expect(postmasters(directory, tenant.timeline.timelineId)).toEqual([]);
  const { socketPath, started } = await host.start(tenant.endpointId);
  expect(started).toBe(false);
  expect(await queryValue(socketPath, NOTES)).toBe('before');
  const { origin } = await host.putTimeline(past);
  expect(origin).toMatchObject({ at: tenant.between.kind === 'time' && tenant.between.at });
});

test('what was written after going over is there after sleep, and can be gone back from once more', async () => {
  const tenant = await tenantWithPast();
  const past = await putPast(tenant, tenant.between);
  await host.openNext(tenant.endpointId, past.timelineId);
  await goOver(tenant, past);
  const { socketPath } = await host.start(tenant.endpointId);
  await queryValue(socketPath, add('own'));
  const own = await host.resolvePoint(past.timelineId, { kind: 'head' });
  await queryValue(socketPath, 'DELETE FROM notes');

  const again = await putPast({ ...tenant, timeline: past }, own.at);
  await host.openNext(tenant.endpointId, again.timelineId);
  expect(await queryValue(socketPath, NOTES)).toBe('none');
  await goOver(tenant, again, { generation: 3 });
  await host.suspend(tenant.endpointId);
  const woken = await host.start(tenant.endpointId);
  expect(await queryValue(woken.socketPath, NOTES)).toBe('before own');
});

test('what is prepared in the first run of a past is there after sleep and after a crash', async () => {
  const tenant = await tenantWithPast();
  const past = await putPast(tenant, tenant.between);
  await host.openNext(tenant.endpointId, past.timelineId);
  await goOver(tenant, past);
  await using session = await connect((await host.start(tenant.endpointId)).socketPath);
  for (const name of ['slept', 'crashed']) {
    await session.client.query('BEGIN');
    await session.client.query(add(name));
    await session.client.query(`PREPARE TRANSACTION '${name}'`);
  }
  const woken = async () => (await host.start(tenant.endpointId)).socketPath;
  await host.suspend(tenant.endpointId);
  await queryValue(await woken(), `COMMIT PREPARED 'slept'`);
  const [postmaster] = postmasters(directory, past.timelineId);
  process.kill(postmaster!, 'SIGKILL');
  await expect
    .poll(async () => (await host.endpoint(tenant.endpointId)).state, { timeout: 20_000 })
    .toBe('idle');
  await queryValue(await woken(), `COMMIT PREPARED 'crashed'`);
  expect(await queryValue(await woken(), NOTES)).toBe('before crashed slept');

  await host.suspend(tenant.endpointId);
  expect(await queryValue(await woken(), 'SHOW max_prepared_transactions')).toBe('0');
});

test('an endpoint that sleeps goes over as well, and is awake then', async () => {
  const tenant = await tenantWithPast();
  await host.suspend(tenant.endpointId);
  const past = await putPast(tenant, tenant.between);
  await host.openNext(tenant.endpointId, past.timelineId);
  expect((await host.endpoint(tenant.endpointId)).state).toBe('idle');
  expect((await goOver(tenant, past)).state).toBe('active');
  const { socketPath } = await host.start(tenant.endpointId);
  expect(await queryValue(socketPath, NOTES)).toBe('before');
});

test('what was opened for nothing ends with its timeline, and with an endpoint that may not run', async () => {
  const tenant = await tenantWithPast();
  const [givenUp, refused] = [
    await putPast(tenant, tenant.between),
    await putPast(tenant, tenant.between),
  ];
  await host.openNext(tenant.endpointId, givenUp.timelineId);
  expect(postmasters(directory, givenUp.timelineId)).toHaveLength(1);
  await host.deleteTimeline(givenUp.timelineId);
  expect(postmasters(directory, givenUp.timelineId)).toEqual([]);
  expect(await queryValue(tenant.socketPath, NOTES)).toBe('before later');

  await host.openNext(tenant.endpointId, refused.timelineId);
  expect((await goOver(tenant, refused, { disabled: true })).state).toBe('idle');
  expect(postmasters(directory, refused.timelineId)).toEqual([]);
  await expect(host.openNext(tenant.endpointId, newTimelineId())).rejects.toMatchObject({
    code: 'endpoint_disabled',
  });
});

test('one that dies before the endpoint goes over to it is started again then', async () => {
  const tenant = await tenantWithPast();
  const past = await putPast(tenant, tenant.between);
  await host.openNext(tenant.endpointId, past.timelineId);
  const [postmaster] = postmasters(directory, past.timelineId);
  process.kill(postmaster!, 'SIGKILL');
  await expect.poll(() => postmasters(directory, past.timelineId), { timeout: 20_000 }).toEqual([]);
  await goOver(tenant, past);
  const { socketPath } = await host.start(tenant.endpointId);
  expect(await queryValue(socketPath, NOTES)).toBe('before');
});

test('a past that cannot be reached is refused, and the present goes on', async () => {
  const tenant = await tenantWithPast();
  const unknown = newTimelineId();
  await expect(host.openNext(tenant.endpointId, unknown)).rejects.toMatchObject({
    code: 'timeline_not_found',
  });
  expect(await queryValue(tenant.socketPath, NOTES)).toBe('before later');
  expect((await host.endpoint(tenant.endpointId)).state).toBe('active');
});

test('a host that is killed beside an opened past serves the present, and the past when it is told to', async () => {
  await using processes = await HostProcesses.open();
  const { host: other } = processes.client;
  const first = await processes.start();
  const tenant = await tenantWithPast(other);
  const past = await putPast(tenant, tenant.between, other);
  await other.openNext(tenant.endpointId, past.timelineId);
  await processes.kill(first, 'SIGKILL');
  const second = await processes.start();
  expect(await queryValue(tenant.socketPath, NOTES)).toBe('before later');
  expect(postmasters(processes.path, past.timelineId)).toEqual([]);

  await other.openNext(tenant.endpointId, past.timelineId);
  await goOver(tenant, past, { on: other });
  const { socketPath } = await other.start(tenant.endpointId);
  await queryValue(socketPath, add('own'));
  const [postmaster] = postmasters(processes.path, past.timelineId);
  await processes.kill(second, 'SIGKILL');
  await processes.start();
  expect(await queryValue((await other.start(tenant.endpointId)).socketPath, NOTES)).toBe(
    'before own',
  );
  expect(postmasters(processes.path, past.timelineId)).toEqual([postmaster]);
});
