import { PgfleetError } from '@pgfleet/contract';
import type { EndpointStatus, HostReport } from '@pgfleet/contract';
import type { Branch, Endpoint } from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeHost } from '../testing/fake-host.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const headers = { authorization: 'Bearer internal' };

async function report(control: TestControl, host: FakeHost, sent: HostReport): Promise<number> {
  const { statusCode } = await control.internalApi.inject({
    method: 'POST',
    url: `/internal/v1/hosts/${host.id}/report`,
    headers,
    payload: sent,
  });
  return statusCode;
}

async function createReady(control: TestControl) {
  const { project, endpoints } = await control.createProject();
  await control.settled(project.id);
  const { id } = endpoints[0]!;
  const show = async () => {
    const path = `/projects/${project.id}/endpoints/${id}`;
    return (await control.call<{ endpoint: Endpoint }>('GET', path)).body.endpoint;
  };
  return { project, id, show };
}

test('only who knows the token is answered', async () => {
  await using control = await TestControl.open(postgres);
  const { statusCode, body } = await control.internalApi.inject({ url: '/internal/v1/hosts' });
  expect(statusCode).toBe(401);
  expect(JSON.parse(body)).toMatchObject({ code: 'unauthenticated' });
});

test('hosts are known by their reports', async () => {
  await using control = await TestControl.open(postgres, { hasHost: false });
  expect(await report(control, control.host, control.host.report())).toBe(204);
  const { body } = await control.internalApi.inject({ url: '/internal/v1/hosts', headers });
  expect(JSON.parse(body)).toEqual({
    hosts: [{ hostId: 'host-1', regionId: 'aws-us-east-2', address: control.host.address }],
  });
});

test('what a host reports of an endpoint is what the API shows', async () => {
  await using control = await TestControl.open(postgres);
  const { project, id, show } = await createReady(control);
  const status = (change: Partial<EndpointStatus>) =>
    control.host.report(control.host.status(id, change));

  const suspendedAt = '2030-01-02T03:04:05Z';
  await report(
    control,
    control.host,
    status({
      state: 'idle',
      suspendedAt,
      activeSeconds: 12.4,
      bytesOut: 1000,
      writtenBytes: 5000,
    }),
  );
  expect(await show()).toMatchObject({ current_state: 'idle', suspended_at: suspendedAt });

  await report(control, control.host, status({ state: 'starting' }));
  expect(await show()).toMatchObject({ current_state: 'idle', pending_state: 'active' });

  const lastActiveAt = '2030-01-02T04:00:00Z';
  await report(control, control.host, status({ state: 'active', lastActiveAt }));
  expect(await show()).toMatchObject({ current_state: 'active', last_active: lastActiveAt });

  const { body } = await control.call('GET', `/projects/${project.id}`);
  expect(body).toMatchObject({
    project: {
      active_time_seconds: 12,
      data_transfer_bytes: 1000,
      written_data_bytes: 5000,
      compute_last_active_at: lastActiveAt,
    },
  });
  const branches = await control.call<{ branches: Branch[] }>(
    'GET',
    `/projects/${project.id}/branches`,
  );
  expect(branches.body.branches[0]).toMatchObject({ written_data_bytes: 5000 });
});

test('a host says nothing about the endpoints of another host', async () => {
  await using control = await TestControl.open(postgres);
  const { id, show } = await createReady(control);
  const other = new FakeHost('host-2');
  await report(control, other, other.report(control.host.status(id, { state: 'idle' })));
  expect(await show()).toMatchObject({ current_state: 'active' });
});

test('an endpoint that never ran stays init while its host only holds the spec', async () => {
  await using control = await TestControl.open(postgres);
  control.host.intercept = (call) => {
    if (call.startsWith('start')) throw new Error('not now');
  };
  const { endpoints, project } = await control.createProject();
  const { id } = endpoints[0]!;
  await expect.poll(() => control.host.endpoints.has(id)).toBe(true);
  await report(control, control.host, control.host.report(control.host.status(id)));
  const { body } = await control.call('GET', `/projects/${project.id}/endpoints/${id}`);
  expect(body).toMatchObject({ endpoint: { current_state: 'init', pending_state: 'active' } });
});

test('a route says where an endpoint, or that of a branch, lives and whether it is still being made', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { endpoints } = await control.createProject();
  const url = `/internal/v1/endpoints/${endpoints[0]!.id}/route`;
  const route = { hostId: 'host-1', regionId: 'aws-us-east-2' };
  const pending = await control.internalApi.inject({ url, headers });
  expect(JSON.parse(pending.body)).toEqual({ ...route, pending: true });
  await using _worker = control.openWorker();
  await expect
    .poll(async () => JSON.parse((await control.internalApi.inject({ url, headers })).body))
    .toEqual({ ...route, pending: false });
  const ofBranch = `/internal/v1/endpoints/${endpoints[0]!.branch_id}/route`;
  const { body: branchRoute } = await control.internalApi.inject({ url: ofBranch, headers });
  expect(JSON.parse(branchRoute)).toEqual({ ...route, pending: false });
  const unknown = '/internal/v1/endpoints/ep-none/route';
  const { body, statusCode } = await control.internalApi.inject({ url: unknown, headers });
  expect([statusCode, JSON.parse(body)]).toMatchObject([404, { code: 'endpoint_not_found' }]);
});

test('whoever asks for the route to a branch that could not be made is told why', async () => {
  await using control = await TestControl.open(postgres);
  control.host.intercept = () => {
    throw new PgfleetError('postgres_version_missing');
  };
  const { endpoints, project } = await control.createProject();
  await control.settled(project.id);
  const url = `/internal/v1/endpoints/${endpoints[0]!.id}/route`;
  const { body, statusCode } = await control.internalApi.inject({ url, headers });
  expect([statusCode, JSON.parse(body)]).toEqual([
    422,
    {
      code: 'branch_not_created',
      message:
        'the data of this branch could not be created: this Postgres version is not installed on the host',
    },
  ]);
});
