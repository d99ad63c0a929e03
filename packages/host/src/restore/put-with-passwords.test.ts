import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { PointInTime, TimelineSpec } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { queryValue, scramVerifier, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const region = 'aws-us-east-2';
const head: PointInTime = { kind: 'head' };
const changed = { password: 'changed by SQL' };
const wrongPassword = { code: '28P01' };
const { host } = sharedTestHost({ volume: 'auto' });

/** A copy of a tenant's timeline, or of one that was made of it. */
function copyOf({ timeline }: Pick<Tenant, 'timeline'>, at = head): TimelineSpec {
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  const source = { kind: 'timeline', timelineId: timeline.timelineId, at } as const;
  return { ...timeline, ...ids, source, initial: { roles: [], databases: [] } };
}

async function changePassword({ socketPath }: Tenant): Promise<void> {
  await queryValue(socketPath, `ALTER ROLE neondb_owner PASSWORD '${changed.password}'`);
}

/** The tenant's endpoint, moved to a copy. */
async function moveTo({ endpoint }: Tenant, { branchId, timelineId }: TimelineSpec) {
  const generation = endpoint.generation + 1;
  await host.putEndpoint({ ...endpoint, branchId, timelineId, generation });
  return host.start(endpoint.endpointId);
}

test('a copy of the past has the passwords of the present', async () => {
  const tenant = await startTenant(host);
  await queryValue(tenant.socketPath, 'CREATE TABLE notes ()');
  const { at } = await host.resolvePoint(tenant.timeline.timelineId, head);
  await changePassword(tenant);
  const restored = copyOf(tenant, at);
  await host.putTimeline({ ...restored, passwordsOf: tenant.timeline.timelineId });
  const { socketPath } = await moveTo(tenant, restored);
  expect(await queryValue(socketPath, 'SELECT count(*) FROM notes', changed)).toBe('0');
  await expect(queryValue(socketPath, 'SELECT 1')).rejects.toMatchObject(wrongPassword);
});

test('a copy of a snapshot has them too, also while it sleeps and from one that sleeps', async () => {
  const tenant = await startTenant(host);
  await host.suspend(tenant.endpointId);
  const snapshot = copyOf(tenant);
  await host.putTimeline(snapshot);
  const { socketPath } = await host.start(tenant.endpointId);
  await changePassword({ ...tenant, socketPath });
  const before = await host.login(tenant.endpointId, { role: 'neondb_owner' });
  await host.suspend(tenant.endpointId);
  const restored = copyOf({ timeline: snapshot });
  await host.putTimeline({ ...restored, passwordsOf: tenant.timeline.timelineId });
  const { branchId, timelineId } = restored;
  const endpointId = newEndpointId(region);
  await host.putEndpoint({ ...tenant.endpoint, branchId, timelineId, endpointId });
  const asleep = await host.login(endpointId, { role: 'neondb_owner' });
  expect(asleep).toMatchObject({ verifier: before.verifier, socketPath: null });
  const { socketPath: started } = await host.start(endpointId);
  expect(await queryValue(started, 'SELECT 1', changed)).toBe(1);
});

test.for(['runs', 'sleeps'])('a copy that %s takes over passwords later', async (state) => {
  const tenant = await startTenant(host);
  const copy = copyOf(tenant);
  await host.putTimeline(copy);
  const { branchId, timelineId } = copy;
  const endpointId = newEndpointId(region);
  await host.putEndpoint({ ...tenant.endpoint, branchId, timelineId, endpointId });
  await host.start(endpointId);
  if (state === 'sleeps') await host.suspend(endpointId);
  await changePassword(tenant);
  const roles = [{ name: 'nobody', verifier: scramVerifier('of nobody') }];
  await host.putTimeline({
    ...copy,
    passwordsOf: tenant.timeline.timelineId,
    initial: { roles, databases: [] },
  });
  const { socketPath } = await host.start(endpointId);
  expect(await queryValue(socketPath, 'SELECT 1', changed)).toBe(1);
  await expect(queryValue(socketPath, 'SELECT 1')).rejects.toMatchObject(wrongPassword);
});
