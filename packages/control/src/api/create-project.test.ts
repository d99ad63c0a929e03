import type { CreatedProject, Endpoint } from '@pgfleet/contract';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
let control: TestControl;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres, { works: false });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

test('the answer has the keys of the contract in the order of the contract', async () => {
  const created = await control.createProject({ name: 'one' });
  expect(Object.keys(created)).toEqual([
    'project',
    'connection_uris',
    'roles',
    'databases',
    'operations',
    'branch',
    'endpoints',
  ]);
  const keys = 'data_storage_bytes_hour data_transfer_bytes written_data_bytes compute_time_seconds'
    .concat(' active_time_seconds cpu_used_sec id platform_id region_id name provisioner')
    .concat(' default_endpoint_settings settings pg_version proxy_host branch_logical_size_limit')
    .concat(' branch_logical_size_limit_bytes store_passwords creation_source')
    .concat(' history_retention_seconds created_at updated_at consumption_period_start')
    .concat(' consumption_period_end owner_id org_id');
  expect(Object.keys(created.project).join(' ')).toBe(keys);
});

test('what was never used or measured is nothing yet, and is left out where it is being made', async () => {
  const { project, branch, endpoints } = await control.createProject();
  const path = `/projects/${project.id}`;
  const nothing = { project: { synthetic_storage_size: 0 } };
  expect((await control.call('GET', path)).body).toMatchObject(nothing);
  const payload = { project: { name: 'other' } };
  expect((await control.call('PATCH', path, { payload })).body).toMatchObject(nothing);

  expect(endpoints[0]).not.toHaveProperty('last_active');
  const never = { id: endpoints[0]!.id, last_active: '2000-01-01T00:00:00Z' };
  const one = await control.call('GET', `${path}/endpoints/${never.id}`);
  expect(one.body).toMatchObject({ endpoint: never });
  const all = await control.call('GET', `${path}/endpoints`);
  expect(all.body).toMatchObject({ endpoints: [never] });
  const replica = { endpoint: { branch_id: branch.id, type: 'read_only' } };
  const made = await control.call<{ endpoint: Endpoint }>('POST', `${path}/endpoints`, {
    payload: replica,
  });
  expect(made.status).toBe(201);
  expect(made.body.endpoint).not.toHaveProperty('last_active');
  expect((await control.call('DELETE', path)).body).toMatchObject(nothing);
});

test('what is not asked for is the default of the contract', async () => {
  const { project, branch, endpoints, roles, databases } = await control.createProject();
  expect(project).toMatchObject({
    name: project.id,
    region_id: 'aws-us-east-2',
    platform_id: 'aws',
    pg_version: 17,
    store_passwords: true,
    history_retention_seconds: 86_400,
    provisioner: 'k8s-neonvm',
    default_endpoint_settings: {
      autoscaling_limit_min_cu: 0.25,
      autoscaling_limit_max_cu: 0.25,
      suspend_timeout_seconds: 0,
    },
  });
  expect(branch).toMatchObject({ name: 'main', current_state: 'init', pending_state: 'ready' });
  expect(endpoints[0]).toMatchObject({ current_state: 'init', pending_state: 'active' });
  expect(roles[0]?.name).toBe('neondb_owner');
  expect(databases[0]).toMatchObject({ name: 'neondb', owner_name: 'neondb_owner' });
});

test('the timeline is being made at once and the compute comes next', async () => {
  const { operations, endpoints } = await control.createProject();
  const [timeline, compute] = operations;
  expect(timeline).toMatchObject({ action: 'create_timeline', status: 'running' });
  expect(timeline).not.toHaveProperty('endpoint_id');
  expect(compute).toMatchObject({
    action: 'start_compute',
    status: 'scheduling',
    endpoint_id: endpoints[0]?.id,
  });
});

test('the connection URI carries the endpoint where its host does not resolve', async () => {
  const { connection_uris: uris, endpoints } = await control.createProject();
  const uri = new URL(uris[0]!.connection_uri);
  expect(uri.hostname).toBe('localhost');
  expect(uri.port).toBe('7432');
  expect(uri.searchParams.get('options')).toBe(`endpoint=${endpoints[0]!.id}`);
  expect(uri.password).toMatch(/^npg_[A-Za-z0-9]{16}$/);
  expect(uris[0]!.connection_parameters.host).toBe(endpoints[0]!.host);
});

test('everything that the contract lets one choose is taken', async () => {
  const created = await control.createProject({
    name: 'chosen',
    region_id: 'aws-eu-central-1',
    pg_version: 16,
    branch: { name: 'production', role_name: 'alice', database_name: 'shop' },
    default_endpoint_settings: {
      autoscaling_limit_min_cu: 0.5,
      autoscaling_limit_max_cu: 4,
      suspend_timeout_seconds: 120,
      pg_settings: { work_mem: '8MB' },
    },
    settings: {
      quota: { active_time_seconds: 3600, logical_size_bytes: 1_073_741_824 },
      allowed_ips: { ips: ['10.0.0.0/8'] },
    },
    store_passwords: false,
    history_retention_seconds: 0,
    provisioner: 'k8s-pod',
    something_new: 'ignored',
  });
  expect(created.project).toMatchObject({
    region_id: 'aws-eu-central-1',
    pg_version: 16,
    history_retention_seconds: 0,
    branch_logical_size_limit: 1024,
    settings: { allowed_ips: { ips: ['10.0.0.0/8'], protected_branches_only: false } },
  });
  expect(created.branch.name).toBe('production');
  expect(created.roles[0]?.name).toBe('alice');
  expect(created.databases[0]?.name).toBe('shop');
  expect(created.endpoints[0]).toMatchObject({
    autoscaling_limit_max_cu: 4,
    suspend_timeout_seconds: 120,
    settings: { pg_settings: { work_mem: '8MB' } },
  });
});

test.each([
  [{}, 'project (field required)'],
  [{ project: 1 }, 'project (must be object)'],
  [{ project: { name: 7 } }, 'project.name (must be string)'],
  [{ project: { name: '' } }, 'project.name'],
  [{ project: { name: 'x'.repeat(257) } }, 'project.name'],
  [{ project: { pg_version: 13 } }, 'project.pg_version'],
  [{ project: { pg_version: 'new' } }, 'project.pg_version (must be integer)'],
  [{ project: { region_id: 'mars' } }, 'project.region_id'],
  [{ project: { branch: { role_name: 'x'.repeat(64) } } }, 'project.branch.role_name'],
  [{ project: { branch: { database_name: 'é'.repeat(32) } } }, 'project.branch.database_name'],
  [{ project: { branch: { database_name: 'template1' } } }, 'project.branch.database_name'],
  [{ project: { autoscaling_limit_min_cu: 0.1 } }, 'project.autoscaling_limit_min_cu'],
  [
    { project: { default_endpoint_settings: { suspend_timeout_seconds: 5 } } },
    'project.default_endpoint_settings.suspend_timeout_seconds',
  ],
  [{ project: { history_retention_seconds: 2_592_001 } }, 'project.history_retention_seconds'],
  [{ project: { settings: { quota: { written_data_bytes: -1 } } } }, 'written_data_bytes'],
  [{ project: { settings: { allowed_ips: { ips: ['here'] } } } }, 'allowed_ips.ips'],
])('a wrong request is refused as the contract words it: %o', async (payload, field) => {
  const { status, body } = await control.call<{ message: string }>('POST', '/projects', {
    payload,
  });
  expect(status).toBe(400);
  expect(body).toEqual({
    code: '',
    message: expect.stringContaining(
      'invalid request: decode application/json: invalid: ',
    ) as string,
  });
  expect(body.message).toContain(field);
});

test('a Postgres version that no host of the region has is refused, with those there are', async () => {
  const payload = { project: { pg_version: 16 } };
  const { status, body } = await control.call('POST', '/projects', { payload });
  expect(status).toBe(422);
  expect(body).toEqual({
    code: '',
    message: 'Postgres 16 is not installed in aws-us-east-2 (installed: 17, 18)',
  });
  const elsewhere = { project: { pg_version: 16, region_id: 'aws-eu-central-1' } };
  const waiting = await control.call('POST', '/projects', { payload: elsewhere });
  expect(waiting.status).toBe(201);
});

test('text that Postgres cannot store is refused, wherever it stands', async () => {
  const names = ['a\u0000b', '\ud800'];
  for (const name of names) {
    const settings = { pg_settings: { x: name } };
    const payloads = [{ name }, { default_endpoint_settings: settings }];
    for (const project of payloads) {
      const { status } = await control.call('POST', '/projects', {
        headers: { 'content-type': 'application/json' },
        payload: JSON.stringify({ project }),
      });
      expect(status).toBe(400);
    }
  }
});

test('a call repeated with its Idempotency-Key gets the same answer and changes nothing', async () => {
  const request = {
    headers: { 'idempotency-key': 'again' },
    payload: { project: { name: 'only-once' } },
  };
  const answers = await Promise.all([
    control.call<CreatedProject>('POST', '/projects', request),
    control.call<CreatedProject>('POST', '/projects', request),
  ]);
  const third = await control.call<CreatedProject>('POST', '/projects', request);
  expect(answers[0].body).toEqual(third.body);
  expect(answers[1].body).toEqual(third.body);
  const found = await control.call<{ projects: unknown[] }>('GET', '/projects?search=only-once');
  expect(found.body.projects).toHaveLength(1);
});

test('an Idempotency-Key cannot be used for another request', async () => {
  const headers = { 'idempotency-key': 'first' };
  await control.call('POST', '/projects', { headers, payload: { project: {} } });
  const { status } = await control.call('POST', '/projects', {
    headers,
    payload: { project: { name: 'other' } },
  });
  expect(status).toBe(422);
});

test('no password is stored in clear', async () => {
  const { roles } = await control.createProject();
  await control.call('POST', '/projects', {
    headers: { 'idempotency-key': 'secret' },
    payload: { project: {} },
  });
  const { rows } = await sql<{ text: string }>`
    select r::text as text from roles r union all select i::text from idempotency_keys i`.execute(
    control.db,
  );
  const stored = rows.map((row) => row.text).join('\n');
  expect(stored).not.toContain(roles[0]!.password);
  expect(stored).not.toContain('npg_');
  expect(stored).toContain('SCRAM-SHA-256$4096:');
});
