import type { PointInTime, TimeTravelRequest } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { queryValue, scramVerifier, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const { host } = sharedTestHost();

const todaysPassword = 'the password of today';
const role = { name: 'neondb_owner', verifier: scramVerifier(todaysPassword) };
const login = { password: todaysPassword };

/** A tenant whose table had one row at a point and has two now. */
async function tenantWithPast(): Promise<Tenant & { readonly before: PointInTime }> {
  const tenant = await startTenant(host);
  await queryValue(tenant.socketPath, 'CREATE TABLE notes AS SELECT 1 AS id');
  const { at } = await host.resolvePoint(tenant.timeline.timelineId, { kind: 'head' });
  await queryValue(tenant.socketPath, 'INSERT INTO notes VALUES (2)');
  return { ...tenant, before: at };
}

function travel({ endpointId }: Tenant, at: PointInTime, change: Partial<TimeTravelRequest> = {}) {
  return host.timeTravel({ endpointId, at, role, ...change });
}

test('the past is shown to whoever proved the password of today, and cannot be changed', async () => {
  const tenant = await tenantWithPast();
  const { socketPath } = await travel(tenant, tenant.before);
  expect(await queryValue(socketPath, 'SELECT count(*) FROM notes', login)).toBe('1');
  const attempt = `SET transaction_read_only = off`;
  await expect(queryValue(socketPath, attempt, login)).rejects.toThrow(/recovery/);
  await expect(queryValue(socketPath, 'INSERT INTO notes VALUES (3)', login)).rejects.toMatchObject(
    { code: '25006' },
  );
  expect(await queryValue(tenant.socketPath, 'SELECT count(*) FROM notes')).toBe('2');
});

test('the past of a sleeping branch is shown as well', async () => {
  const tenant = await tenantWithPast();
  await host.suspend(tenant.endpointId);
  const { socketPath } = await travel(tenant, tenant.before);
  expect(await queryValue(socketPath, 'SELECT count(*) FROM notes', login)).toBe('1');
});

test('those who ask for the same point share one compute', async () => {
  const tenant = await tenantWithPast();
  const answers = await Promise.all([1, 2, 3].map(() => travel(tenant, tenant.before)));
  expect(new Set(answers.map(({ endpointId }) => endpointId)).size).toBe(1);
});

test('nobody can log in at a view of the past by its own name', async () => {
  const tenant = await tenantWithPast();
  const { endpointId } = await travel(tenant, tenant.before);
  await expect(host.login(endpointId, { role: role.name })).rejects.toMatchObject({
    code: 'endpoint_not_found',
  });
});

test('a role that did not exist then is refused, and nothing is left of the attempt', async () => {
  const tenant = await tenantWithPast();
  const before = await viewsOfThePast();
  const stranger = { role: { ...role, name: 'of_later' } };
  await expect(travel(tenant, tenant.before, stranger)).rejects.toMatchObject({
    code: 'role_not_found',
  });
  expect(await viewsOfThePast()).toEqual(before);
});

async function viewsOfThePast(): Promise<readonly string[]> {
  const { endpoints } = await host.endpoints();
  return endpoints.map(({ endpointId }) => endpointId).filter((id) => id.startsWith('ep-at-'));
}

test('a view of the past is gone once its compute is at rest', async () => {
  const tenant = await tenantWithPast();
  const { endpointId } = await travel(tenant, tenant.before);
  await host.suspend(endpointId);
  await expect.poll(viewsOfThePast).not.toContain(endpointId);
});

test('a branch id stands for the endpoint of the branch', async () => {
  const { endpoint } = await startTenant(host);
  const answer = await host.login(endpoint.branchId, { role: 'neondb_owner' });
  expect(answer.endpointId).toBe(endpoint.endpointId);
});
