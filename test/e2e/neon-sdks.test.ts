import { createNeonClient, raw } from '@neon/sdk';
import type { NeonClient } from '@neon/sdk';
import { AdvisorCategory, createApiClient } from '@neondatabase/api-client';
import type { Api, GetProjectAdvisorSecurityIssuesParams } from '@neondatabase/api-client';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { watchedApi } from './watch-answers.ts';

/* Neon's two clients for TypeScript, as npm has them, told nothing but where the API is. */

let platform: Platform;
let sdk: NeonClient<true>;
let api: Api<unknown>;
beforeAll(async () => {
  platform = await startPlatform();
  const address = watchedApi(platform);
  sdk = createNeonClient({
    apiKey: platform.adminKey,
    baseUrl: address,
    throwOnError: true,
    wait: { pollIntervalMs: 100 },
  });
  api = createApiClient({ apiKey: platform.adminKey, baseURL: address });
});
afterAll(async () => await platform[Symbol.asyncDispose]());

async function rows(uri: string, text: string): Promise<unknown[]> {
  await using client = await connectClient(uri);
  return (await client.query(text)).rows;
}

test('the SDK creates a project and connects, directly and through the pooler', async () => {
  for (const pooled of [true, false]) {
    const made = await sdk.projects.createAndConnect({ name: 'app', pooled });
    expect(await rows(made.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    const again = await sdk.postgres.connectionString({ projectId: made.project.id, pooled });
    expect(again.includes('-pooler')).toBe(pooled);
    expect(await rows(again, 'select 1 as one')).toEqual([{ one: 1 }]);
  }
});

test('the SDK walks through all pages of a list', async () => {
  const names = ['page-1', 'page-2', 'page-3'];
  for (const name of names) await sdk.projects.create({ name }, { waitForReadiness: false });
  const all = await sdk.projects.list({ search: 'page-', limit: 1 }).all();
  expect(all.map(({ name }) => name).toSorted()).toEqual(names);
  const { id } = all[0]!;
  await sdk.branches.create({ projectId: id, name: 'second', noCompute: true });
  const branches = await sdk.branches.list({ projectId: id, limit: 1 }).all();
  expect(branches.map(({ name }) => name).toSorted()).toEqual(['main', 'second']);
  const operations = await sdk.operations.list({ projectId: id }).all();
  expect(operations.map(({ action }) => action)).toContain('create_branch');
});

test('the SDK leads a branch through its life, waiting for what it starts', async () => {
  const { project } = await sdk.projects.createAndConnect({ name: 'life' });
  const projectId = project.id;
  const main = await sdk.branches.getDefault({ projectId });
  const { branch, endpoint, connectionString } = await sdk.branches.createAndConnect({
    projectId,
    name: 'preview',
    compute: { minCu: 0.25, maxCu: 1 },
  });
  const place = { projectId, branchId: branch.id };
  expect([branch.parent_id, endpoint.autoscaling_limit_max_cu]).toEqual([main.id, 1]);
  await rows(connectionString, 'create table mine as select 1 as one');
  const { diff } = await sdk.branches.compareSchema({ ...place, databaseName: 'neondb' });
  expect(diff).toContain('CREATE TABLE public.mine');
  await sdk.branches.resetFromParent(place, { waitForReadiness: true });
  expect(await rows(connectionString, `select to_regclass('mine') as mine`)).toEqual([
    { mine: null },
  ]);
  await sdk.branches.update({ ...place, protected: true });
  await expect(sdk.branches.delete(place)).rejects.toMatchObject({ kind: 'api', status: 422 });
  await sdk.branches.update({ ...place, protected: false });
  await sdk.branches.delete(place);
  await expect(sdk.branches.get(place)).rejects.toMatchObject({ kind: 'not_found', status: 404 });
});

test('the SDK changes, suspends and starts a compute', async () => {
  const { project } = await sdk.projects.createAndConnect({ name: 'compute' });
  const projectId = project.id;
  const [endpoint] = await sdk.postgres.endpoints.list({ projectId });
  const place = { projectId, endpointId: endpoint!.id };
  const waits = { waitForReadiness: true };
  const changed = await sdk.postgres.endpoints.update(
    { ...place, autoscaling_limit_max_cu: 2, suspend_timeout_seconds: -1 },
    waits,
  );
  expect(changed).toMatchObject({ autoscaling_limit_max_cu: 2, suspend_timeout_seconds: -1 });
  await sdk.postgres.endpoints.suspend(place, waits);
  expect((await sdk.postgres.endpoints.get(place)).current_state).toBe('idle');
  await sdk.postgres.endpoints.start(place, waits);
  expect((await sdk.postgres.endpoints.get(place)).current_state).toBe('active');
});

test('the SDK takes a snapshot, looks at it beside the branch, and puts it in its place', async () => {
  const { project, connectionString } = await sdk.projects.createAndConnect({ name: 'gold' });
  const projectId = project.id;
  await rows(connectionString, 'create table kept as select 1 as one');
  const main = await sdk.branches.getDefault({ projectId });
  const place = { projectId, branchId: main.id };
  const waits = { waitForReadiness: true };
  const snapshot = await sdk.snapshots.create({ ...place, name: 'gold' }, waits);
  await rows(connectionString, 'drop table kept');
  await sdk.snapshots.restore(
    { projectId, snapshotId: snapshot.id, targetBranchId: main.id, finalize: true },
    waits,
  );
  await platform.settle(projectId);
  expect(await rows(connectionString, 'select one from kept')).toEqual([{ one: 1 }]);
  await sdk.snapshots.setSchedule({ ...place, schedule: [{ frequency: 'daily', hour: 3 }] });
  expect(await sdk.snapshots.list({ projectId })).toMatchObject([{ name: 'gold' }]);
});

test('the SDK says what kind of error it is', async () => {
  const stranger = createNeonClient({ apiKey: 'nobody', baseUrl: watchedApi(platform) });
  expect((await stranger.user.me()).error).toMatchObject({ kind: 'auth', status: 401 });
  const quiet = { throwOnError: false } as const;
  const { error } = await sdk.projects.get({ projectId: 'no-such-00000000' }, quiet);
  expect(error).toMatchObject({ kind: 'not_found', message: 'project not found' });
  const refused = await sdk.projects.create({ region_id: 'aws-mars-1' }, quiet);
  expect(refused.error).toMatchObject({ kind: 'api' });
});

test('the SDK reads accounts, regions and keys', async () => {
  expect(await sdk.user.me()).toMatchObject({ login: 'admin' });
  expect(await sdk.user.organizations()).toHaveLength(1);
  expect((await sdk.regions.list()).map(({ region_id: id }) => id)).toEqual(['aws-us-east-2']);
  const key = await sdk.apiKeys.create({ keyName: 'from-sdk' });
  expect((await sdk.apiKeys.list()).map(({ name }) => name)).toContain('from-sdk');
  await sdk.apiKeys.revoke({ keyId: key.id });
});

test('the API client leads a project through its life', async () => {
  const { data: created } = await api.createProject({ project: { name: 'axios' } });
  const { id } = created.project;
  const uri = created.connection_uris[0]!.connection_uri;
  expect(await rows(uri, 'select 1 as one')).toEqual([{ one: 1 }]);
  const { data: updated } = await api.updateProject(id, { project: { name: 'axios-2' } });
  expect(updated).toMatchObject({ project: { name: 'axios-2' }, operations: [] });
  const { data: found } = await api.listProjects({ search: 'axios', limit: 5 });
  expect(found.projects).toMatchObject([{ id, name: 'axios-2' }]);
  const names = { projectId: id, database_name: 'neondb', role_name: 'neondb_owner' };
  const { data: revealed } = await api.getConnectionUri({ ...names, pooled: true });
  expect(await rows(revealed.uri, 'select 1 as one')).toEqual([{ one: 1 }]);
  await api.deleteProject(id);
  await expect(api.getProject(id)).rejects.toMatchObject({ response: { status: 404 } });
  await api.recoverProject(id);
  expect((await api.getProject(id)).status).toBe(200);
});

test('the API client restores a branch and deletes one', async () => {
  const { data: created } = await api.createProject({ project: {} });
  const { id } = created.project;
  const uri = created.connection_uris[0]!.connection_uri;
  await rows(uri, 'create table notes as select 1 as one');
  const [{ at }] = (await rows(
    uri,
    `select date_trunc('milliseconds', clock_timestamp()) as at from pg_sleep(0.002)`,
  )) as [{ at: Date }];
  await rows(uri, 'drop table notes');
  const main = created.branch.id;
  await api.restoreProjectBranch(id, main, {
    source_branch_id: main,
    source_timestamp: at.toISOString(),
    preserve_under_name: 'kept',
  });
  await platform.settle(id);
  expect(await rows(uri, 'select one from notes')).toEqual([{ one: 1 }]);
  const { data: made } = await api.createProjectBranch(id, {
    branch: { name: 'dev' },
    endpoints: [{ type: 'read_write' as never }],
  });
  await platform.settle(id);
  await api.deleteProjectBranch({ projectId: id, branchId: made.branch.id });
  await platform.settle(id);
  const gone = await api.deleteProjectBranch({ projectId: id, branchId: made.branch.id });
  expect(gone.status).toBe(204);
});

test('the API client has a branch anonymized: masked data for who connects, the parent as it was', async () => {
  const { data: created } = await api.createProject({ project: {} });
  const { id } = created.project;
  const uri = created.connection_uris[0]!.connection_uri;
  await rows(
    uri,
    'create table users (id int primary key, email text not null unique, phone text)',
  );
  await rows(
    uri,
    `insert into users select i, 'user' || i || '@clear.example', '0301234567'
      from generate_series(1, 50) i`,
  );
  const rule = { database_name: 'neondb', schema_name: 'public', table_name: 'users' };
  const email = { ...rule, column_name: 'email' };
  const { data: made } = await api.createProjectBranchAnonymized(id, {
    masking_rules: [{ ...email, masking_value: 'the same for all' }],
    start_anonymization: true,
  });
  const branchId = made.branch.id;
  const masked = made.connection_uris![0]!.connection_uri;
  const status = async () => (await api.getAnonymizedBranchStatus(id, branchId)).data;
  await settleAll(id);
  expect(await status()).toMatchObject({
    state: 'error',
    status_message: expect.stringContaining('constraint "users_email_key"') as string,
  });
  await expect(rows(masked, 'select 1')).rejects.toMatchObject({ code: '57P03' });

  const rules = [
    { ...email, masking_function: "pg_catalog.concat(anon.dummy_uuidv4(), '@example.com')" },
    { ...rule, column_name: 'phone', masking_function: "anon.partial(phone, 2, '***', 2)" },
  ];
  const { data: updated } = await api.updateMaskingRules(id, branchId, { masking_rules: rules });
  expect(updated.masking_rules).toEqual(rules);
  expect((await api.getMaskingRules(id, branchId)).data.masking_rules).toEqual(rules);
  const { data: started } = await api.startAnonymization(id, branchId);
  expect(started.state).toBe('anonymizing');
  await expect(rows(masked, 'select 1')).rejects.toMatchObject({ code: '57P03' });
  await settleAll(id);
  expect(await status()).toMatchObject({
    state: 'anonymized',
    last_run: { masked_columns: 2 },
  });
  expect(
    await rows(
      masked,
      `select count(*)::int as n, min(phone) as phone,
        bool_and(email ~ '^[0-9a-f-]{36}@example.com$') as is_masked from users`,
    ),
  ).toEqual([{ n: 50, phone: '03***67', is_masked: true }]);
  expect(await rows(uri, 'select email, phone from users where id = 7')).toEqual([
    { email: 'user7@clear.example', phone: '0301234567' },
  ]);
  const past = new URL(masked);
  const before = new Date(Date.parse(made.branch.created_at) + 1_000).toISOString();
  const option = past.searchParams.get('options') ?? '';
  past.searchParams.set('options', `${option} neon_timestamp:${before}`.trim());
  await expect(rows(past.href, 'select email from users')).rejects.toThrow(/point in time/);
});

test('the API client reads what is wrong with a database, awake and asleep', async () => {
  const { data: created } = await api.createProject({ project: { name: 'advised' } });
  const { project, endpoints, connection_uris: uris } = created;
  await rows(
    uris[0]!.connection_uri,
    'create table parent (id int primary key); create table child (parent_id int references parent); grant select on parent to public',
  );
  const keys = async (query: Partial<GetProjectAdvisorSecurityIssuesParams>) => {
    const { data } = await api.getProjectAdvisorSecurityIssues({ projectId: project.id, ...query });
    return data.issues.map(({ cache_key: key }) => key);
  };
  const all = [
    'rls_disabled_in_public_public.parent',
    'rls_disabled_in_public_public.child',
    'unindexed_foreign_keys_public.child.child_parent_id_fkey',
    'no_primary_key_public.child',
  ];
  expect(await keys({})).toEqual(all);
  await api.suspendProjectEndpoint(project.id, endpoints[0]!.id);
  await platform.settle(project.id);
  expect(await keys({ database_name: 'neondb', branch_id: created.branch.id })).toEqual(all);
  expect(await keys({ min_severity: 'ERROR' })).toEqual(all.slice(0, 1));
  expect(await keys({ category: AdvisorCategory.PERFORMANCE })).toEqual(all.slice(2));
  const { data } = await api.getProjectEndpoint(project.id, endpoints[0]!.id);
  expect(data.endpoint.current_state).toBe('idle');
});

/** Waits until no operation of a project is under way, however they end. */
async function settleAll(projectId: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const { data } = await api.listProjectOperations({ projectId });
      const states = data.operations.map(({ status }) => status as string);
      expect(states.filter((state) => ['running', 'scheduling'].includes(state))).toEqual([]);
    },
    { timeout: 60_000, interval: 100 },
  );
}

test('both clients read what several projects have used', async () => {
  const ids = ['one', 'two'].map((name) => sdk.projects.create({ name }));
  const [one, two] = await Promise.all(ids);
  const org = one!.org_id!;
  const hour = 3_600_000;
  const frame = {
    from: new Date(Date.now() - hour).toISOString(),
    to: new Date(Date.now() + hour).toISOString(),
    granularity: 'hourly' as const,
    org_id: org,
    project_ids: [one!.id, two!.id],
    metrics: ['compute_unit_seconds' as const],
  };
  const seen = async () => {
    const { data } = await api.getConsumptionHistoryPerProjectV2(frame as never);
    const listed = await sdk.consumption.perProjectV2(frame).all();
    return [data.projects, listed].map((list) => list.map(({ project_id: id }) => id).toSorted());
  };
  const wanted = [one!.id, two!.id].toSorted();
  const isComplete = async () => JSON.stringify(await seen()) === JSON.stringify([wanted, wanted]);
  await vi.waitUntil(isComplete, { timeout: 30_000, interval: 500 });
  expect(await seen()).toEqual([wanted, wanted]);
});

test('what the SDK has no method for is reached through its raw functions', async () => {
  const { data, error } = await raw.getConnectionUri({
    client: sdk.client,
    path: { project_id: 'no-such-00000000' },
    query: { database_name: 'neondb', role_name: 'neondb_owner' },
  });
  expect(data).toBeUndefined();
  expect(error).toMatchObject({ message: 'project not found' });
});
