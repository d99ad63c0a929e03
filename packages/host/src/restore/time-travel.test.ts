import type { EndpointSpec, PointInTime, TimeTravelRequest } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, queryValue, scramVerifier, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const { host, reopen } = sharedTestHost();

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

const refusals: readonly (readonly [code: string, Partial<EndpointSpec>])[] = [
  ['quota_exceeded', { exceededQuota: 'active_time_seconds' }],
  ['endpoint_disabled', { disabled: true }],
  ['branch_unmasked', { unmasked: true }],
];

test.each(refusals)(
  'what keeps an endpoint from running ends the views of its past as well: %s',
  async (code, change) => {
    const tenant = await tenantWithPast();
    const view = await travel(tenant, tenant.before);
    await using session = await connect(view.socketPath, login);
    const ended = new Promise((resolve) => session.client.once('end', resolve));
    await host.putEndpoint({ ...tenant.endpoint, ...change, generation: 2 });
    await ended;
    await expect.poll(viewsOfThePast).not.toContain(view.endpointId);
    await expect(travel(tenant, tenant.before)).rejects.toMatchObject({ code });
    await host.putEndpoint({ ...tenant.endpoint, generation: 3 });
    const { socketPath } = await travel(tenant, tenant.before);
    expect(await queryValue(socketPath, 'SELECT count(*) FROM notes', login)).toBe('1');
  },
);

test('what keeps an endpoint from running while its past is being made ends that, too', async () => {
  const tenant = await tenantWithPast();
  const others = await viewsOfThePast();
  const shown = travel(tenant, tenant.before).catch((error: unknown) => error);
  await host.putEndpoint({ ...tenant.endpoint, disabled: true, generation: 2 });
  await shown;
  const own = async () => (await viewsOfThePast()).filter((id) => !others.includes(id));
  await expect.poll(own).toEqual([]);
});

test('the end of an endpoint is that of the views of its past', async () => {
  const tenant = await tenantWithPast();
  const view = await travel(tenant, tenant.before);
  await host.deleteEndpoint(tenant.endpointId);
  await expect.poll(viewsOfThePast).not.toContain(view.endpointId);
});

test('what a view of the past uses is used by its endpoint, also once it is gone', async () => {
  const tenant = await tenantWithPast();
  await host.suspend(tenant.endpointId);
  const before = await host.endpoint(tenant.endpointId);
  const { endpointId } = await travel(tenant, tenant.before);
  const report = { endpointId, connections: 1, bytesIn: 1, bytesOut: 1_000, quietMs: 0 };
  await host.reportActivity({ proxyId: 'proxy-1', endpoints: [report] });
  const used = async () => {
    const after = await host.endpoint(tenant.endpointId);
    const { activeSeconds, bytesOut } = after;
    return {
      activeSeconds: activeSeconds - before.activeSeconds,
      bytesOut: bytesOut - before.bytesOut,
    };
  };
  await waitUntil(async () => (await used()).activeSeconds > 2, {
    what: 'the use to be counted',
    timeoutMs: 20_000,
  });
  const { activeSeconds: running } = await used();
  await host.suspend(endpointId);
  await expect.poll(viewsOfThePast).not.toContain(endpointId);
  const { activeSeconds, bytesOut } = await used();
  expect(bytesOut).toBe(1_000);
  expect(activeSeconds).toBeGreaterThan(running);
  await reopen();
  expect(await used()).toEqual({ activeSeconds, bytesOut });
});
