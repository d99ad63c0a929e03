import type { Branch, BranchList, Endpoint, Operation, OperationList } from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
let control: TestControl;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres);
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

interface EndpointAnswer {
  readonly endpoint: Endpoint;
  readonly operations: readonly Operation[];
}

async function createReady() {
  const created = await control.createProject();
  await control.settled(created.project.id);
  const endpoint = created.endpoints[0]!;
  const path = `/projects/${created.project.id}`;
  return { ...created, endpoint, path, endpointPath: `${path}/endpoints/${endpoint.id}` };
}

test('suspend, start and restart are operations that change the state', async () => {
  const { project, endpoint, endpointPath } = await createReady();
  for (const [action, state] of [
    ['suspend', 'idle'],
    ['start', 'active'],
    ['restart', 'active'],
  ] as const) {
    const { status, body } = await control.call<EndpointAnswer>(
      'POST',
      `${endpointPath}/${action}`,
    );
    expect(status).toBe(200);
    expect(body.endpoint.pending_state).toBe(state);
    expect(body.operations.length).toBe(action === 'restart' ? 2 : 1);
    await control.settled(project.id);
    const after = await control.call<EndpointAnswer>('GET', endpointPath);
    expect(after.body.endpoint.current_state).toBe(state);
    expect(control.host.running.has(endpoint.id)).toBe(state === 'active');
  }
});

test('changed sizes and timeouts reach the host with a higher generation', async () => {
  const { project, endpoint, endpointPath } = await createReady();
  const { body } = await control.call<EndpointAnswer>('PATCH', endpointPath, {
    payload: {
      endpoint: {
        autoscaling_limit_max_cu: 2,
        suspend_timeout_seconds: -1,
        settings: { pg_settings: { work_mem: '8MB' } },
      },
    },
  });
  expect(body.endpoint).toMatchObject({
    autoscaling_limit_min_cu: 0.25,
    autoscaling_limit_max_cu: 2,
    suspend_timeout_seconds: -1,
  });
  expect(body.operations).toMatchObject([{ action: 'apply_config', endpoint_id: endpoint.id }]);
  await control.settled(project.id);
  expect(control.host.endpoints.get(endpoint.id)).toMatchObject({
    maxCu: 2,
    suspendTimeoutSeconds: -1,
    pgSettings: { work_mem: '8MB' },
    generation: 2,
  });
});

test('a name is changed without an operation', async () => {
  const { endpointPath } = await createReady();
  const { body } = await control.call<EndpointAnswer>('PATCH', endpointPath, {
    payload: { endpoint: { name: 'primary' } },
  });
  expect(body.endpoint.name).toBe('primary');
  expect(body.operations).toEqual([]);
});

test('a disabled endpoint is suspended and cannot be started', async () => {
  const { project, endpoint, endpointPath } = await createReady();
  await control.call('PATCH', endpointPath, { payload: { endpoint: { disabled: true } } });
  await control.settled(project.id);
  expect(control.host.running.has(endpoint.id)).toBe(false);
  expect(control.host.endpoints.get(endpoint.id)?.disabled).toBe(true);
  const { status } = await control.call('POST', `${endpointPath}/start`);
  expect(status).toBe(422);
});

test('a suspend timeout below the minimum is refused', async () => {
  const { endpointPath } = await createReady();
  const payload = { endpoint: { suspend_timeout_seconds: 30 } };
  const { status, body } = await control.call('PATCH', endpointPath, { payload });
  expect(status).toBe(400);
  expect(body).toMatchObject({
    message: expect.stringContaining('endpoint.suspend_timeout_seconds') as string,
  });
});

test('a branch shows its endpoints, roles and databases', async () => {
  const { path, branch, endpoint, roles } = await createReady();
  const branchPath = `${path}/branches/${branch.id}`;
  const shown = await control.call<{ branch: Branch }>('GET', branchPath);
  expect(shown.body.branch.created_by).toEqual({ name: 'admin', image: '' });
  const endpoints = await control.call<{ endpoints: Endpoint[] }>('GET', `${branchPath}/endpoints`);
  expect(endpoints.body.endpoints.map(({ id }) => id)).toEqual([endpoint.id]);
  const all = await control.call<{ endpoints: Endpoint[] }>('GET', `${path}/endpoints`);
  expect(all.body).toEqual(endpoints.body);
  const listed = await control.call('GET', `${branchPath}/roles`);
  expect(listed.body).toMatchObject({ roles: [{ name: 'neondb_owner', protected: false }] });
  expect(JSON.stringify(listed.body)).not.toContain('password');
  const rolePath = `${branchPath}/roles/neondb_owner`;
  expect((await control.call('GET', rolePath)).status).toBe(200);
  const revealed = await control.call('GET', `${rolePath}/reveal_password`);
  expect(revealed.body).toEqual({ password: roles[0]!.password });
  const databases = await control.call('GET', `${branchPath}/databases`);
  expect(databases.body).toMatchObject({ databases: [{ name: 'neondb' }] });
  expect((await control.call('GET', `${branchPath}/databases/neondb`)).status).toBe(200);
});

test('what does not exist is named by kind', async () => {
  const { path, branch } = await createReady();
  const branchPath = `${path}/branches/${branch.id}`;
  const id = '00000000-0000-4000-8000-000000000000';
  const missing = {
    '/projects/no-such-00000000': 'project not found',
    [`${path}/branches/br-no-such`]: 'branch not found',
    [`${path}/endpoints/ep-no-such`]: 'endpoint not found',
    [`${path}/operations/${id}`]: 'operation not found',
    [`${path}/operations/x`]: 'operation not found',
    [`${branchPath}/roles/nobody`]: 'role not found',
    [`${branchPath}/roles/nobody/reveal_password`]: 'role not found',
    [`${branchPath}/databases/${encodeURIComponent('é'.repeat(31))}`]: 'database not found',
  };
  for (const [url, message] of Object.entries(missing)) {
    const { status, body } = await control.call('GET', url);
    expect([status, body]).toEqual([404, { code: '', message }]);
  }
});

test('a password that is not stored cannot be revealed', async () => {
  const { project, branch } = await control.createProject({ store_passwords: false });
  const { status } = await control.call(
    'GET',
    `/projects/${project.id}/branches/${branch.id}/roles/neondb_owner/reveal_password`,
  );
  expect(status).toBe(412);
});

test('a connection URI is made for a role and a database, pooled if wanted', async () => {
  const { path, endpoint, connection_uris: uris } = await createReady();
  const query = 'database_name=neondb&role_name=neondb_owner';
  const direct = await control.call<{ uri: string }>('GET', `${path}/connection_uri?${query}`);
  expect(direct.body.uri).toBe(uris[0]!.connection_uri);
  const pooled = await control.call<{ uri: string }>(
    'GET',
    `${path}/connection_uri?${query}&pooled=True`,
  );
  expect(pooled.body.uri).toContain(`endpoint%3D${endpoint.id}-pooler`);
  const wrong = await control.call('GET', `${path}/connection_uri?database_name=x&role_name=y`);
  expect(wrong.status).toBe(404);
  expect((await control.call('GET', `${path}/connection_uri`)).status).toBe(400);
});

test('branches are listed with a cursor, also on the last page', async () => {
  const { path, branch } = await createReady();
  const first = await control.call<BranchList>('GET', `${path}/branches`);
  expect(first.body.annotations).toEqual({});
  expect(first.body.branches.map(({ id }) => id)).toEqual([branch.id]);
  expect(first.body.pagination).toMatchObject({ sort_by: 'updated_at', sort_order: 'DESC' });
  const cursor = encodeURIComponent(first.body.pagination!.next);
  const second = await control.call<BranchList>('GET', `${path}/branches?cursor=${cursor}`);
  expect(second.body.branches).toEqual([]);
  const byName = await control.call<BranchList>('GET', `${path}/branches?sort_by=name&search=MAI`);
  expect(byName.body.branches).toHaveLength(1);
  const count = await control.call('GET', `${path}/branches/count`);
  expect(count.body).toEqual({ count: 1 });
  expect((await control.call('GET', `${path}/branches?cursor=e30=`)).status).toBe(400);
});

test('operations of one microsecond are not torn apart by a page', async () => {
  const { path, project } = await createReady();
  const at = new Date();
  await control.db
    .updateTable('operations')
    .set({ created_at: at })
    .where('project_id', '=', project.id)
    .execute();
  const { body } = await control.call<OperationList>('GET', `${path}/operations?limit=1`);
  const actions = body.operations.map(({ action }) => action);
  expect(actions).toEqual(['start_compute', 'create_timeline']);
});

test('operations are listed newest first and paged by their time', async () => {
  const { path } = await createReady();
  const all = await control.call<OperationList>('GET', `${path}/operations`);
  expect(all.body.operations.map(({ action }) => action)).toEqual([
    'start_compute',
    'create_timeline',
  ]);
  const first = await control.call<OperationList>('GET', `${path}/operations?limit=1`);
  const { cursor } = first.body.pagination!;
  expect(cursor).toMatch(/\.\d{6}Z$/);
  const second = await control.call<OperationList>(
    'GET',
    `${path}/operations?limit=1&cursor=${cursor}`,
  );
  expect(second.body.operations).toEqual([all.body.operations[1]]);
  const one = await control.call('GET', `${path}/operations/${all.body.operations[0]!.id}`);
  expect(one.body).toEqual({ operation: all.body.operations[0] });
  for (const wrong of ['yesterday', '2025-13-45T00:00:00Z', '2025-02-30T00:00:00Z']) {
    const { status } = await control.call('GET', `${path}/operations?cursor=${wrong}`);
    expect(status).toBe(400);
  }
});
