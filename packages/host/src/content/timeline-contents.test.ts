import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { ContentChange, PointInTime, TimelineId } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import {
  connect,
  newTenant,
  postmasters,
  queryValue,
  scramVerifier,
  startTenant,
} from '../test-host.ts';

type Tenant = ReturnType<typeof newTenant>;

const region = 'aws-us-east-2';
const { host, directory } = sharedTestHost({ volume: 'auto' });

const verifier = scramVerifier('app');
const app = { user: 'app', password: 'app' };
const owner = { name: 'neondb_owner', canLogin: true };
const neondb = { name: 'neondb', ownerName: 'neondb_owner' };
const createApp: readonly ContentChange[] = [
  { kind: 'create_role', name: 'app', verifier },
  { kind: 'create_database', name: 'shop', ownerName: 'app' },
];

const change = ({ timeline }: Tenant, ...changes: readonly ContentChange[]) =>
  host.content(timeline.timelineId, { changes: [...changes] });

async function copyOf({ timeline, endpoint }: Tenant, at: PointInTime): Promise<Tenant> {
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  const source = { kind: 'timeline', timelineId: timeline.timelineId, at } as const;
  const copy = { ...timeline, ...ids, source, initial: { roles: [], databases: [] } };
  await host.putTimeline(copy);
  return { timeline: copy, endpoint: { ...endpoint, ...ids, endpointId: newEndpointId(region) } };
}

async function start({ endpoint }: Tenant): Promise<string> {
  await host.putEndpoint(endpoint);
  return (await host.start(endpoint.endpointId)).socketPath;
}

async function verifierOf({ endpoint }: Tenant, role: string): Promise<string | null> {
  return (await host.login(endpoint.endpointId, { role })).verifier;
}

const isRunning = (id: TimelineId) => postmasters(directory, id).length > 0;

test('a running compute has a new role and a new database at once', async () => {
  const tenant = await startTenant(host);
  const { roles, databases } = await change(tenant, ...createApp);
  expect(roles).toMatchObject([{ name: 'app', canLogin: true, verifier }, owner]);
  expect(databases).toEqual([neondb, { name: 'shop', ownerName: 'app' }]);
  expect(await verifierOf(tenant, 'app')).toBe(verifier);
  expect(await queryValue(tenant.socketPath, 'SELECT 1', { ...app, database: 'shop' })).toBe(1);
});

test('a sleeping timeline takes changes without its endpoint, and keeps them', async () => {
  const tenant = await startTenant(host);
  await host.suspend(tenant.endpointId);
  const renewed = scramVerifier('new');
  await change(tenant, ...createApp, {
    kind: 'set_password',
    name: 'neondb_owner',
    verifier: renewed,
  });
  expect((await host.endpoint(tenant.endpointId)).state).toBe('idle');
  expect(isRunning(tenant.timeline.timelineId)).toBe(false);
  // A login is answered without waking anything.
  expect(await verifierOf(tenant, 'app')).toBe(verifier);
  expect(await verifierOf(tenant, 'neondb_owner')).toBe(renewed);
  expect(isRunning(tenant.timeline.timelineId)).toBe(false);
  const { databases } = await change(tenant);
  expect(databases.map(({ name }) => name)).toEqual(['neondb', 'shop']);

  const { socketPath } = await host.start(tenant.endpointId);
  expect(await queryValue(socketPath, 'SELECT 1', { ...app, database: 'shop' })).toBe(1);
  await expect(connect(socketPath)).rejects.toMatchObject({ code: '28P01' });
  expect(await queryValue(socketPath, 'SELECT 1', { password: 'new' })).toBe(1);
});

test('a timeline that was never opened takes changes on top of its specification', async () => {
  const tenant = newTenant();
  const { timeline } = tenant;
  const initial = {
    roles: [{ name: 'first', verifier: scramVerifier('first') }],
    databases: [{ name: 'main', ownerName: 'first' }],
  };
  await host.putTimeline({ ...timeline, initial });
  const { roles, databases } = await change(tenant, {
    kind: 'create_role',
    name: 'neondb_owner',
    verifier,
  });
  expect(roles.map(({ name }) => name)).toEqual(['first', 'neondb_owner']);
  expect(databases).toEqual([{ name: 'main', ownerName: 'first' }]);
  const login = { user: 'neondb_owner', password: 'app', database: 'main' };
  expect(await queryValue(await start(tenant), 'SELECT 1', login)).toBe(1);
});

test('copies have the roles and databases of their point, and tell them without being run', async () => {
  const tenant = await startTenant(host);
  const before = (await host.resolvePoint(tenant.timeline.timelineId, { kind: 'head' })).at;
  await change(tenant, ...createApp);
  const between = (await host.resolvePoint(tenant.timeline.timelineId, { kind: 'head' })).at;
  await change(
    tenant,
    { kind: 'change_database', name: 'shop', newName: 'store', ownerName: 'neondb_owner' },
    { kind: 'drop_role', name: 'app' },
    { kind: 'drop_database', name: 'neondb' },
  );
  await host.suspend(tenant.endpointId);
  const copies = await Promise.all(
    [before, between, { kind: 'head' } as const].map((at) => copyOf(tenant, at)),
  );
  const contents = await Promise.all(copies.map((copy) => change(copy)));
  expect(contents).toMatchObject([
    { roles: [owner], databases: [neondb] },
    { roles: [{ name: 'app', verifier }, owner], databases: [neondb, { name: 'shop' }] },
    { roles: [owner], databases: [{ name: 'store', ownerName: 'neondb_owner' }] },
  ]);
  expect(copies.map(({ timeline }) => isRunning(timeline.timelineId))).not.toContain(true);
  const socketPath = await start(copies[1]!);
  expect(await queryValue(socketPath, 'SELECT 1', { ...app, database: 'shop' })).toBe(1);
});

test('a branch without data that shows the past has no roles of later', async () => {
  const tenant = await startTenant(host);
  const { at } = await host.resolvePoint(tenant.timeline.timelineId, { kind: 'head' });
  await change(tenant, ...createApp);
  const timelineId = newTimelineId();
  const roles = [...tenant.timeline.initial.roles, { name: 'app', verifier }];
  await host.putTimeline({
    ...tenant.timeline,
    timelineId,
    source: { kind: 'schema', timelineId: tenant.timeline.timelineId, at },
    initial: { roles, databases: [] },
  });
  const content = await host.content(timelineId, { changes: [] });
  expect(content).toMatchObject({ roles: [owner], databases: [neondb] });
});

test('what Postgres refuses is told to whoever asked', async () => {
  const tenant = newTenant();
  await host.putTimeline(tenant.timeline);
  const impossible = change(tenant, { kind: 'create_database', name: 'x', ownerName: 'nobody' });
  await expect(impossible).rejects.toMatchObject({
    code: 'change_refused',
    message: 'Postgres refuses the change: role "nobody" does not exist',
  });
  const unknown = host.content(newTimelineId(), { changes: [] });
  await expect(unknown).rejects.toMatchObject({ code: 'timeline_not_found' });
});
