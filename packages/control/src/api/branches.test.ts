import { PgfleetError } from '@pgfleet/contract';
import type { Branch, BranchList, CreatedBranch, Endpoint, Operation } from '@pgfleet/contract';
import { RpcUnreachableError, waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promiseWithRelease } from '../testing/promise-with-release.ts';
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

const soon = { timeoutMs: 10_000 };

interface BranchAnswer {
  readonly branch: Branch;
  readonly operations: readonly Operation[];
}

async function createReady(project: object = {}) {
  const created = await control.createProject(project);
  await control.settled(created.project.id);
  const { id } = created.project;
  const path = `/projects/${id}`;
  const show = async (branchId: string) =>
    (await control.call<{ branch: Branch }>('GET', `${path}/branches/${branchId}`)).body.branch;
  const branchOff = async (body: object = {}) => {
    const answer = await control.call<CreatedBranch>('POST', `${path}/branches`, { payload: body });
    if (answer.status !== 201) throw new Error(`branch answered ${JSON.stringify(answer.body)}`);
    await control.settled(id);
    return answer.body;
  };
  return { ...created, id, path, main: created.branch, show, branchOff };
}

function timelineOf(branchId: string) {
  return [...control.host.timelines.values()].find((spec) => spec.branchId === branchId);
}

const endpoints = [{ type: 'read_write' }];

test('without a body a branch of the default branch is made, named by its id, without endpoints', async () => {
  const { id, path, main, show } = await createReady();
  const { status, body } = await control.call<CreatedBranch>('POST', `${path}/branches`);
  expect(status).toBe(201);
  expect(Object.keys(body)).toEqual(['branch', 'endpoints', 'operations', 'roles', 'databases']);
  expect(body.branch).toMatchObject({
    name: body.branch.id,
    parent_id: main.id,
    parent_lsn: control.host.head.lsn,
    current_state: 'init',
    pending_state: 'ready',
    default: false,
    protected: false,
    init_source: 'parent-data',
    created_by: { name: 'admin', image: '' },
  });
  expect(body.endpoints).toEqual([]);
  expect(body.operations).toMatchObject([{ action: 'create_branch', status: 'running' }]);
  expect(body.roles).toMatchObject([{ name: 'neondb_owner', branch_id: body.branch.id }]);
  expect(body.databases).toMatchObject([{ name: 'neondb', branch_id: body.branch.id }]);
  await control.settled(id);
  expect(await show(body.branch.id)).toMatchObject({
    current_state: 'ready',
    parent_lsn: control.host.head.lsn,
    parent_timestamp: `${control.host.head.at.slice(0, 19)}Z`,
  });
  expect(timelineOf(body.branch.id)).toMatchObject({
    source: {
      kind: 'timeline',
      timelineId: timelineOf(main.id)!.timelineId,
      at: { kind: 'lsn', lsn: control.host.head.lsn },
    },
    initial: { roles: [], databases: [] },
  });
});

test('a branch with an endpoint has its compute started and a URI with the password of the parent', async () => {
  const { roles, branchOff, path, main } = await createReady();
  const payload = { branch: { name: 'dev', parent_id: main.id }, endpoints, annotation_value: {} };
  const created = await branchOff(payload);
  expect(created.operations.map(({ action, status }) => `${action} ${status}`)).toEqual([
    'create_branch running',
    'start_compute scheduling',
  ]);
  const [endpoint] = created.endpoints;
  expect(control.host.running.has(endpoint!.id)).toBe(true);
  expect(control.host.endpoints.get(endpoint!.id)).toMatchObject({
    branchId: created.branch.id,
    timelineId: timelineOf(created.branch.id)!.timelineId,
  });
  const uri = new URL(created.connection_uris![0]!.connection_uri);
  expect(uri.password).toBe(roles[0]!.password);
  const revealed = await control.call(
    'GET',
    `${path}/branches/${created.branch.id}/roles/neondb_owner/reveal_password`,
  );
  expect(revealed.body).toEqual({ password: roles[0]!.password });
  expect(created.roles[0]).not.toHaveProperty('password');
});

test('a child of a protected branch has passwords of its own, and its host is told', async () => {
  const { path, main, roles, branchOff } = await createReady();
  const change = { payload: { branch: { protected: true } } };
  const patched = await control.call<BranchAnswer>('PATCH', `${path}/branches/${main.id}`, change);
  expect(patched.body.branch.restricted_actions).toHaveLength(2);
  const created = await branchOff({ endpoints });
  expect(created.roles[0]!.password).toMatch(/^npg_/);
  expect(created.roles[0]!.password).not.toBe(roles[0]!.password);
  expect(created.connection_uris![0]!.connection_uri).toContain(created.roles[0]!.password);
  expect(timelineOf(created.branch.id)!.initial).toMatchObject({
    roles: [{ name: 'neondb_owner', verifier: expect.stringMatching(/^SCRAM/) as string }],
    databases: [],
  });
});

test('a branch is made at an LSN and at a time, and the answer says so', async () => {
  const { branchOff, show } = await createReady();
  const { branch: atLsn } = await branchOff({ branch: { parent_lsn: '0/1C00028' } });
  expect(timelineOf(atLsn.id)!.source).toMatchObject({ at: { kind: 'lsn', lsn: '0/1C00028' } });
  expect(atLsn.parent_lsn).toBe('0/1C00028');
  const now = new Date();
  const { branch: atTime } = await branchOff({ branch: { parent_timestamp: now.toISOString() } });
  expect(timelineOf(atTime.id)!.source).toMatchObject({ at: { kind: 'time' } });
  expect(atTime.parent_timestamp).toBe(`${now.toISOString().slice(0, 19)}Z`);
  expect((await show(atTime.id)).parent_lsn).toBe(control.host.head.lsn);
});

test.each([
  [
    'a time in the future',
    () => ({ parent_timestamp: new Date(Date.now() + 60_000).toISOString() }),
  ],
  ['a time before its birth', () => ({ parent_timestamp: '2020-01-01T00:00:00Z' })],
])('%s is not available, and nothing is made', async (_, branch) => {
  const { path } = await createReady();
  const before = control.host.calls.length;
  const { status, body } = await control.call('POST', `${path}/branches`, {
    payload: { branch: branch() },
  });
  expect(status).toBe(400);
  expect(body).toMatchObject({ message: expect.stringContaining('not available') as string });
  expect(control.host.calls.length).toBe(before);
  const count = await control.call('GET', `${path}/branches/count`);
  expect(count.body).toEqual({ count: 1 });
});

test('a point that the host does not have is refused, and a host that is away is named', async () => {
  const { path } = await createReady();
  const refuse = (error: Error) => {
    control.host.intercept = (call) => {
      if (call.startsWith('resolvePoint')) throw error;
    };
  };
  const payload = { branch: { parent_lsn: '0/1' } };
  refuse(new PgfleetError('point_not_available'));
  expect((await control.call('POST', `${path}/branches`, { payload })).status).toBe(400);
  refuse(new RpcUnreachableError('unix:/secret.sock could not be reached'));
  const away = await control.call('POST', `${path}/branches`, { payload });
  expect(away.status).toBe(503);
  expect(JSON.stringify(away.body)).not.toContain('secret');
  control.host.intercept = () => undefined;
  expect((await control.call('GET', `${path}/branches/count`)).body).toEqual({ count: 1 });
});

test('a branch of a branch that is still being made waits for it', async () => {
  const { held, release } = promiseWithRelease();
  let puts = 0;
  control.host.intercept = (call) =>
    call.startsWith('putTimeline') && ++puts === 1 ? held : undefined;
  const { project } = await control.createProject();
  const { status, body } = await control.call<CreatedBranch>(
    'POST',
    `/projects/${project.id}/branches`,
    { payload: { endpoints } },
  );
  expect(status).toBe(201);
  expect(body.branch).not.toHaveProperty('parent_lsn');
  await waitUntil(
    async () => {
      const operation = await control.db
        .selectFrom('operations')
        .selectAll()
        .where('branch_id', '=', body.branch.id)
        .where('action', '=', 'create_branch')
        .executeTakeFirstOrThrow();
      return operation.started_at !== null && operation.lease_owner === null;
    },
    { what: 'the operation to wait', ...soon },
  );
  expect(puts).toBe(1);
  release();
  const operations = await control.settled(project.id);
  control.host.intercept = () => undefined;
  expect(operations.every((operation) => operation.status === 'finished')).toBe(true);
  expect(timelineOf(body.branch.id)!.source).toMatchObject({ at: { kind: 'head' } });
});

test('a branch with the schema only is a root with the roles and databases of its source', async () => {
  const { main, branchOff } = await createReady();
  const { branch } = await branchOff({
    branch: { parent_id: main.id, init_source: 'schema-only' },
    endpoints,
  });
  expect(branch).not.toHaveProperty('parent_id');
  expect(branch.init_source).toBe('schema-only');
  expect(timelineOf(branch.id)).toMatchObject({
    source: { kind: 'schema', timelineId: timelineOf(main.id)!.timelineId },
    initial: { roles: [{ name: 'neondb_owner' }], databases: [{ name: 'neondb' }] },
  });
});

test('names are unique, wrong wishes are refused', async () => {
  const { path, branchOff } = await createReady();
  await branchOff({ branch: { name: 'dev' } });
  const refusals: [object, number, string][] = [
    [{ branch: { name: 'dev' } }, 409, 'branch with the same name already exists'],
    [{ branch: { parent_id: 'br-none' } }, 404, 'branch not found'],
    [{ branch: { parent_lsn: 'x' } }, 400, 'parent_lsn'],
    [{ branch: { parent_timestamp: 'yesterday' } }, 400, 'parent_timestamp'],
    [{ branch: { parent_lsn: '0/1', parent_timestamp: '2030-01-01T00:00:00Z' } }, 400, 'both'],
    [{ branch: { expires_at: '2020-01-01T00:00:00Z' } }, 400, 'future'],
    [{ branch: { expires_at: '2999-01-01T00:00:00Z' } }, 400, '30 days'],
    [{ branch: { expires_at: 'soon' } }, 400, 'expires_at is not a time'],
    [{ branch: { expires_at: '' } }, 400, 'expires_at is not a time'],
    [{ endpoints: [...endpoints, ...endpoints] }, 409, 'read_write endpoint already exists'],
    [{ endpoints: [{ type: 'none' }] }, 400, 'endpoints.0.type'],
  ];
  for (const [payload, status, message] of refusals) {
    const answer = await control.call('POST', `${path}/branches`, { payload });
    expect([answer.status, answer.body]).toMatchObject([
      status,
      { message: expect.stringContaining(message) as string },
    ]);
  }
  expect((await control.call('GET', `${path}/branches/count`)).body).toEqual({ count: 2 });
});

test('a call repeated with its Idempotency-Key makes one branch and asks the host once', async () => {
  const { path } = await createReady();
  const request = { headers: { 'idempotency-key': 'branch-once' }, payload: {} };
  const first = await control.call<CreatedBranch>('POST', `${path}/branches`, request);
  const asked = control.host.calls.filter((call) => call.startsWith('resolvePoint')).length;
  const second = await control.call<CreatedBranch>('POST', `${path}/branches`, request);
  expect(second.body).toEqual(first.body);
  expect(control.host.calls.filter((call) => call.startsWith('resolvePoint'))).toHaveLength(asked);
});

test('a branch is renamed, protected and made the default', async () => {
  const { path, main, branchOff, show } = await createReady();
  const { branch } = await branchOff({ branch: { name: 'dev' } });
  const url = `${path}/branches/${branch.id}`;
  const taken = await control.call('PATCH', url, { payload: { branch: { name: 'main' } } });
  expect(taken.status).toBe(409);
  const payload = { branch: { name: 'prod', protected: true } };
  const { body } = await control.call<BranchAnswer>('PATCH', url, { payload });
  expect(body).toMatchObject({ branch: { name: 'prod', protected: true }, operations: [] });
  const chosen = await control.call<BranchAnswer>('POST', `${url}/set_as_default`);
  expect(chosen.body.branch).toMatchObject({ default: true, primary: true });
  expect((await show(main.id)).default).toBe(false);
});

test('protection reaches the host where the allow list is for protected branches only', async () => {
  const allowed = { ips: ['10.0.0.0/8'], protected_branches_only: true };
  const {
    id,
    path,
    main,
    endpoints: own,
  } = await createReady({
    settings: { allowed_ips: allowed },
  });
  expect(control.host.endpoints.get(own[0]!.id)!.allowedIps).toEqual([]);
  const payload = { branch: { protected: true } };
  const { body } = await control.call<BranchAnswer>('PATCH', `${path}/branches/${main.id}`, {
    payload,
  });
  expect(body.operations).toMatchObject([{ action: 'apply_config' }]);
  await control.settled(id);
  expect(control.host.endpoints.get(own[0]!.id)!.allowedIps).toEqual(['10.0.0.0/8']);
});

test('an expiration is kept in whole seconds and can be taken away', async () => {
  const { path, branchOff } = await createReady();
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  const { branch } = await branchOff({ branch: { expires_at: inAnHour } });
  expect(branch.expires_at).toBe(`${inAnHour.slice(0, 19)}Z`);
  expect(branch.ttl_interval_seconds).toBeGreaterThan(3590);
  const url = `${path}/branches/${branch.id}`;
  const child = await control.call('POST', `${path}/branches`, {
    payload: { branch: { parent_id: branch.id } },
  });
  expect(child.status).toBe(400);
  expect((await control.call('POST', `${url}/set_as_default`)).status).toBe(400);
  const guarded = await control.call('PATCH', url, { payload: { branch: { protected: true } } });
  expect(guarded.status).toBe(400);
  const { body } = await control.call<BranchAnswer>('PATCH', url, {
    payload: { branch: { expires_at: null } },
  });
  expect(body.branch).not.toHaveProperty('expires_at');
  expect(body.branch).not.toHaveProperty('ttl_interval_seconds');
});

test('an expiration that leaves room for guesses is refused, and the branch keeps what it has', async () => {
  const { path, branchOff, show } = await createReady();
  const inAnHour = new Date(Date.now() + 3_600_000);
  const day = inAnHour.toISOString().slice(0, 10);
  const { branch } = await branchOff({ branch: { expires_at: inAnHour.toISOString() } });
  const texts = [`${day}T23:59:59`, day, inAnHour.toUTCString(), inAnHour.toLocaleString('en-US')];
  for (const text of [...texts, `${day}T24:00:00Z`, '']) {
    const { status } = await control.call('PATCH', `${path}/branches/${branch.id}`, {
      payload: { branch: { expires_at: text } },
    });
    expect([text, status]).toEqual([text, 400]);
  }
  expect((await show(branch.id)).expires_at).toBe(branch.expires_at);
});

test('what others rely on can have no expiration', async () => {
  const { path, main, branchOff } = await createReady();
  const { branch: parent } = await branchOff();
  await branchOff({ branch: { parent_id: parent.id } });
  const expiry = { branch: { expires_at: new Date(Date.now() + 3_600_000).toISOString() } };
  for (const id of [main.id, parent.id]) {
    const { status } = await control.call('PATCH', `${path}/branches/${id}`, { payload: expiry });
    expect(status).toBe(400);
  }
});

test('a deleted branch is gone from everything that is shown, but its data stays for a week', async () => {
  const { id, path, branchOff } = await createReady();
  const { branch, endpoints: own } = await branchOff({ endpoints });
  const url = `${path}/branches/${branch.id}`;
  const deleted = await control.call<BranchAnswer>('DELETE', url);
  expect(deleted.status).toBe(200);
  expect(deleted.body.operations.map(({ action }) => action)).toEqual([
    'suspend_compute',
    'apply_config',
  ]);
  await control.settled(id);
  expect(control.host.endpoints.has(own[0]!.id)).toBe(false);
  expect(timelineOf(branch.id)).toBeDefined();
  expect((await control.call('GET', url)).status).toBe(404);
  expect((await control.call('GET', `${path}/endpoints/${own[0]!.id}`)).status).toBe(404);
  for (const name of [own[0]!.id, branch.id]) {
    const route = await control.internalApi.inject({
      url: `/internal/v1/endpoints/${name}/route`,
      headers: { authorization: 'Bearer internal' },
    });
    expect(route.statusCode).toBe(404);
  }
  expect((await control.call('DELETE', url)).status).toBe(204);
  const listed = await control.call<BranchList>('GET', `${path}/branches`);
  expect(listed.body.branches).toHaveLength(1);
  const all = await control.call<BranchList>('GET', `${path}/branches?include_deleted=true`);
  const { recovery } = all.body.branches.find((shown) => shown.id === branch.id)!;
  expect(recovery!.deletion_method).toBe('user');
  const window = Date.parse(recovery!.recoverable_until) - Date.parse(recovery!.deleted_at);
  expect(window).toBe(7 * 24 * 3_600_000);
});

test('a deleted branch is not gone before its data is: a hard deletion ends its days', async () => {
  const { id, path, branchOff } = await createReady();
  const { branch } = await branchOff();
  const url = `${path}/branches/${branch.id}`;
  await control.call('DELETE', url);
  await control.settled(id);
  expect(timelineOf(branch.id)).toBeDefined();
  const { status, body } = await control.call<BranchAnswer>('DELETE', `${url}?hard_delete=true`);
  expect(status).toBe(200);
  expect(body.branch).toMatchObject({ id: branch.id });
  expect(body.branch).not.toHaveProperty('recovery');
  expect(body.operations).toMatchObject([{ action: 'delete_timeline' }]);
  await control.settled(id);
  expect(timelineOf(branch.id)).toBeUndefined();
  expect((await control.call('POST', `${url}/recover`)).status).toBe(404);
  expect((await control.call('DELETE', `${url}?hard_delete=true`)).status).toBe(204);
});

test('a deleted branch comes back with its endpoint, idle, and without an expiration', async () => {
  const { id, path, branchOff, show } = await createReady();
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  const { branch, endpoints: own } = await branchOff({
    branch: { name: 'dev', expires_at },
    endpoints,
  });
  const url = `${path}/branches/${branch.id}`;
  await control.call('DELETE', url);
  await control.settled(id);
  const { branch: usurper } = await branchOff({ branch: { name: 'dev' } });
  expect((await control.call('POST', `${url}/recover`)).status).toBe(409);
  await control.call('DELETE', `${path}/branches/${usurper.id}?hard_delete=true`);
  const recovered = await control.call<{ branch: Branch; endpoints: Endpoint[] }>(
    'POST',
    `${url}/recover`,
  );
  expect(recovered.status).toBe(200);
  expect(recovered.body.branch).not.toHaveProperty('expires_at');
  expect(recovered.body.branch).not.toHaveProperty('recovery');
  expect(recovered.body.endpoints).toMatchObject([{ id: own[0]!.id, current_state: 'idle' }]);
  await control.settled(id);
  expect(control.host.endpoints.get(own[0]!.id)).toMatchObject({ branchId: branch.id });
  expect((await show(branch.id)).current_state).toBe('ready');
  expect((await control.call('POST', `${url}/recover`)).status).toBe(404);
});

test('a branch that comes back before its host heard of its deletion has what changed meanwhile', async () => {
  const { id, path, branchOff } = await createReady();
  const { branch, endpoints: own } = await branchOff({ endpoints });
  const url = `${path}/branches/${branch.id}`;
  const { held, release } = promiseWithRelease();
  control.host.intercept = (call) => (call === `suspend ${own[0]!.id}` ? held : undefined);
  await control.call('DELETE', url);
  const settings = { allowed_ips: { ips: ['10.9.9.9'] } };
  await control.call('PATCH', path, { payload: { project: { settings } } });
  expect((await control.call('POST', `${url}/recover`)).status).toBe(200);
  release();
  await control.settled(id);
  control.host.intercept = () => undefined;
  expect(control.host.endpoints.get(own[0]!.id)!.allowedIps).toEqual(['10.9.9.9']);
});

test('a hard deletion leaves nothing to recover', async () => {
  const { id, path, branchOff } = await createReady();
  const { branch } = await branchOff({ endpoints });
  const url = `${path}/branches/${branch.id}`;
  const { body } = await control.call<BranchAnswer>('DELETE', `${url}?hard_delete=true`);
  expect(body.operations.map(({ action, status }) => `${action} ${status}`)).toEqual([
    'suspend_compute running',
    'delete_timeline scheduling',
  ]);
  await control.settled(id);
  expect(timelineOf(branch.id)).toBeUndefined();
  expect((await control.call('POST', `${url}/recover`)).status).toBe(404);
});

test('the default branch, a root, a parent and a protected branch are not deleted', async () => {
  const { path, main, branchOff } = await createReady();
  const { branch: parent } = await branchOff();
  const { branch: child } = await branchOff({ branch: { parent_id: parent.id } });
  await control.call('PATCH', `${path}/branches/${child.id}`, {
    payload: { branch: { protected: true } },
  });
  const refusals = { [main.id]: 'default', [parent.id]: 'children', [child.id]: 'protected' };
  for (const [id, reason] of Object.entries(refusals)) {
    const { status, body } = await control.call('DELETE', `${path}/branches/${id}`);
    expect(status).toBe(422);
    expect(body).toMatchObject({ message: expect.stringContaining(reason) as string });
  }
  await control.call('POST', `${path}/branches/${parent.id}/set_as_default`);
  const root = await control.call('DELETE', `${path}/branches/${main.id}`);
  expect(root.body).toMatchObject({ message: 'the root branch cannot be deleted' });
  const project = await control.call('DELETE', path);
  expect(project.status).toBe(422);
});

test('a deletion does not wait for the creation that is under way', async () => {
  const { id, path } = await createReady();
  control.host.intercept = (call, signal) => {
    if (!call.startsWith('putTimeline')) return undefined;
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
  };
  const before = control.host.calls.length;
  const { body } = await control.call<CreatedBranch>('POST', `${path}/branches`);
  await waitUntil(
    () => control.host.calls.slice(before).some((call) => call.startsWith('putTimeline')),
    { what: 'the creation to run', ...soon },
  );
  const deleted = await control.call<BranchAnswer>('DELETE', `${path}/branches/${body.branch.id}`);
  expect(deleted.body.operations).toMatchObject([{ action: 'delete_timeline' }]);
  const operations = await control.settled(id);
  control.host.intercept = () => undefined;
  expect(operations.slice(0, 2).map(({ action, status }) => `${action} ${status}`)).toEqual([
    'delete_timeline finished',
    'create_branch cancelled',
  ]);
});

test('a branch whose creation failed says so to whoever connects, and can be deleted', async () => {
  const { id, path, project } = await createReady();
  control.host.intercept = (call) => {
    if (call.startsWith('putTimeline')) throw new PgfleetError('history_damaged');
  };
  const { body } = await control.call<CreatedBranch>('POST', `${path}/branches`, {
    payload: { endpoints },
  });
  await waitUntil(
    async () => (await control.settled(id)).some(({ status }) => status === 'failed'),
    { what: 'the operation to fail', ...soon },
  );
  control.host.intercept = () => undefined;
  const route = await control.internalApi.inject({
    url: `/internal/v1/endpoints/${body.endpoints[0]!.id}/route`,
    headers: { authorization: 'Bearer internal' },
  });
  expect(route.statusCode).toBe(422);
  expect(route.body).toContain('damaged');
  const { status } = await control.call('DELETE', `${path}/branches/${body.branch.id}`);
  expect(status).toBe(200);
  await control.settled(project.id);
});

test('a deleted project leaves nothing of its branches, deleted ones included', async () => {
  const { id, path, branchOff } = await createReady();
  const { branch } = await branchOff({ endpoints });
  await branchOff({ endpoints });
  await control.call('DELETE', `${path}/branches/${branch.id}`);
  await control.settled(id);
  const own = () => [...control.host.timelines.values()].filter((spec) => spec.projectId === id);
  expect(own()).toHaveLength(3);
  await control.call('DELETE', `${path}?hard_delete=true`);
  await waitUntil(() => own().length === 0, { what: 'the timelines to be deleted', ...soon });
  const left = [...control.host.endpoints.values()].filter((spec) => spec.projectId === id);
  expect(left).toEqual([]);
});

test('a new retention reaches the timelines that the host has', async () => {
  const { id, path, main, branchOff } = await createReady();
  const { branch } = await branchOff();
  const { body } = await control.call<{ operations: Operation[] }>('PATCH', path, {
    payload: { project: { history_retention_seconds: 3600 } },
  });
  expect(body.operations.map(({ action }) => action)).toEqual([
    'apply_storage_config',
    'apply_storage_config',
  ]);
  await control.settled(id);
  for (const branchId of [main.id, branch.id]) {
    expect(timelineOf(branchId)!.historyRetentionSeconds).toBe(3600);
  }
});

test('a retention does not make a timeline that the host has lost', async () => {
  const { id, path, main } = await createReady();
  control.host.timelines.delete(timelineOf(main.id)!.timelineId);
  await control.call('PATCH', path, { payload: { project: { history_retention_seconds: 0 } } });
  const operations = await control.settled(id);
  expect(operations[0]).toMatchObject({ action: 'apply_storage_config', status: 'finished' });
  expect(timelineOf(main.id)).toBeUndefined();
});

test('an endpoint is added to a branch and deleted again', async () => {
  const { id, path, main, endpoints: first, branchOff } = await createReady();
  const { branch } = await branchOff();
  const create = (branchId: string, more: object = {}) =>
    control.call<{ endpoint: Endpoint; operations: Operation[] }>('POST', `${path}/endpoints`, {
      payload: { endpoint: { branch_id: branchId, type: 'read_write', ...more } },
    });
  expect((await create(main.id)).status).toBe(409);
  expect((await create(branch.id, { region_id: 'mars' })).status).toBe(400);
  const created = await create(branch.id, { name: 'second' });
  expect(created.status).toBe(201);
  expect(created.body.operations).toMatchObject([{ action: 'start_compute', status: 'running' }]);
  await control.settled(id);
  const endpointId = created.body.endpoint.id;
  expect(control.host.running.has(endpointId)).toBe(true);
  const url = `${path}/endpoints/${endpointId}`;
  expect((await control.call('DELETE', url)).status).toBe(200);
  await control.settled(id);
  expect(control.host.endpoints.has(endpointId)).toBe(false);
  expect((await control.call('DELETE', url)).status).toBe(204);
  const listed = await control.call<{ endpoints: Endpoint[] }>('GET', `${path}/endpoints`);
  expect(listed.body.endpoints.map((shown) => shown.id)).toEqual([first[0]!.id]);
  expect((await create(branch.id)).status).toBe(201);
});

test('what a host says of its timelines is what branches and projects show', async () => {
  const { path, main, show } = await createReady();
  const { timelineId } = timelineOf(main.id)!;
  const measured = {
    timelineId,
    oldest: { lsn: '0/1000000', at: '2030-01-02T03:04:05.000000Z' },
    headLsn: '0/2000000',
    logicalBytes: 30_000_000,
    dataBytes: 40_000_000,
    walBytes: 16_777_216,
    points: 3,
    lost: [],
  };
  const answer = await control.internalApi.inject({
    method: 'POST',
    url: `/internal/v1/hosts/${control.host.id}/report`,
    headers: { authorization: 'Bearer internal' },
    payload: { ...control.host.report(), timelines: [measured] },
  });
  expect(answer.statusCode).toBe(204);
  expect((await show(main.id)).logical_size).toBe(30_000_000);
  const { body } = await control.call('GET', path);
  expect(body).toMatchObject({ project: { synthetic_storage_size: 56_777_216 } });
});
