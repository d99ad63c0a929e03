import type { CreatedProject, Endpoint, Operation } from '@pgfleet/contract';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { liftQuotas } from '../chores/lift-quotas.ts';
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

let created: CreatedProject;
let endpoint: Endpoint;
let path: string;
beforeEach(async () => {
  created = await control.createProject();
  await control.settled(created.project.id);
  endpoint = created.endpoints[0]!;
  path = `/projects/${created.project.id}`;
  control.host.calls.length = 0;
});

interface Changed {
  readonly operations: readonly Operation[];
  readonly message?: string;
}

const patchEndpoint = (change: object) =>
  control.call<Changed>('PATCH', `${path}/endpoints/${endpoint.id}`, {
    payload: { endpoint: change },
  });
const patchProject = (change: object) =>
  control.call<Changed>('PATCH', path, { payload: { project: change } });
const actions = ({ body }: { readonly body: Changed }) =>
  body.operations.map(({ action }) => action);
const spec = () => control.host.endpoints.get(endpoint.id);
const settle = () => control.settled(created.project.id);
const suspend = async () => {
  await control.call('POST', `${path}/endpoints/${endpoint.id}/suspend`);
  await settle();
};

const restarting = { settings: { pg_settings: { max_locks_per_transaction: '80' } } };

test('what a running Postgres takes over is one operation', async () => {
  const change = { autoscaling_limit_max_cu: 2, settings: { pg_settings: { work_mem: '8MB' } } };
  expect(actions(await patchEndpoint(change))).toEqual(['apply_config']);
  await settle();
  expect(spec()).toMatchObject({ maxCu: 2, pgSettings: { work_mem: '8MB' } });
  expect(control.host.calls).toEqual([`putEndpoint ${endpoint.id}`]);
});

test('what needs a start says so by operations, and is gentle to one that has just started', async () => {
  const all = ['apply_config', 'suspend_compute', 'start_compute'];
  control.host.outdated.add(endpoint.id);
  expect(actions(await patchEndpoint(restarting))).toEqual(all);
  await settle();
  expect(control.host.calls).toEqual([
    `putEndpoint ${endpoint.id}`,
    `suspend ${endpoint.id} if outdated`,
    `start ${endpoint.id}`,
  ]);
  expect(control.host.running.has(endpoint.id)).toBe(true);
});

test('a start that had to leave settings out tells which one Postgres refused', async () => {
  const refusal = 'Postgres does not accept the value of max_locks_per_transaction';
  control.host.refusals.set(endpoint.id, refusal);
  await patchEndpoint(restarting);
  await settle();
  const { body } = await control.call<Changed>('GET', `${path}/operations`);
  const start = body.operations.find(({ action }) => action === 'start_compute');
  expect(start).toMatchObject({ status: 'failed', error: refusal, failures_count: 0 });
  const { body: after } = await control.call<{ endpoint: Endpoint }>(
    'GET',
    `${path}/endpoints/${endpoint.id}`,
  );
  expect(after.endpoint.current_state).toBe('active');
});

test('a compute that sleeps is not woken for it', async () => {
  await suspend();
  control.host.calls.length = 0;
  expect(actions(await patchEndpoint(restarting))).toEqual(['apply_config']);
  await settle();
  expect(control.host.calls).toEqual([`putEndpoint ${endpoint.id}`]);
  expect(spec()).toMatchObject({ pgSettings: { max_locks_per_transaction: '80' } });
});

test.each([
  [{ no_such_setting: '1' }, 'Postgres 17 has no setting'],
  [{ work_mem: 'plenty' }, 'work_mem must be a number'],
  [{ work_mem: '1kB' }, 'work_mem must be between'],
  [{ min_wal_size: '2MB' }, 'min_wal_size must be between'],
  [{ 'app.tenant.id': '1' }, '"app.tenant.id" is not a setting'],
  [{ fsync: 'off' }, 'fsync cannot be changed'],
])('settings that are wrong change nothing: %o', async (settings, problem) => {
  const get = () => control.call('GET', `${path}/endpoints/${endpoint.id}`);
  const before = await get();
  const change = { autoscaling_limit_max_cu: 4, settings: { pg_settings: settings } };
  const { status, body } = await patchEndpoint(change);
  expect([status, body.message]).toEqual([400, expect.stringContaining(problem)]);
  expect((await get()).body).toEqual(before.body);
  expect(control.host.calls).toEqual([]);
  const defaults = { default_endpoint_settings: { pg_settings: settings } };
  expect((await patchProject(defaults)).status).toBe(400);
  const another = await control.call('POST', '/projects', { payload: { project: defaults } });
  expect(another.status).toBe(400);
});

test('logical replication suspends what runs, once, and is never taken back', async () => {
  const enable = { settings: { enable_logical_replication: true } };
  expect(actions(await patchProject(enable))).toEqual(['apply_config', 'suspend_compute']);
  await settle();
  expect(spec()).toMatchObject({ logicalReplication: true });
  expect(actions(await patchProject(enable))).toEqual(['apply_config']);
  const disable = { settings: { enable_logical_replication: false } };
  expect((await patchProject(disable)).status).toBe(400);
});

test('libraries that the hosts have can be preloaded, and no others', async () => {
  const available = await control.call('GET', `${path}/available_preload_libraries`);
  expect(available.body).toMatchObject({
    libraries: [
      { library_name: 'auto_explain', version: '17' },
      { library_name: 'pg_stat_statements', version: '1.11', is_default: false },
    ],
  });
  const preload = (...enabled: string[]) => ({
    settings: { preload_libraries: { enabled_libraries: enabled } },
  });
  for (const wrong of ['pg_prewarm', 'timescaledb', '$libdir/x']) {
    for (const answer of [
      await patchProject(preload(wrong)),
      await patchEndpoint(preload(wrong)),
      await control.call<Changed>('POST', '/projects', { payload: { project: preload(wrong) } }),
    ]) {
      expect(answer).toMatchObject({
        status: 400,
        body: { message: expect.any(String) as string },
      });
    }
  }
  const restart = ['apply_config', 'suspend_compute', 'start_compute'];
  expect(actions(await patchProject(preload('pg_stat_statements')))).toEqual(restart);
  await settle();
  expect(spec()).toMatchObject({ preloadLibraries: ['pg_stat_statements'] });
  expect(actions(await patchEndpoint(preload('auto_explain')))).toEqual(restart);
  await settle();
  expect(spec()).toMatchObject({ preloadLibraries: ['auto_explain'] });
  // The endpoint has a choice of its own.
  expect(actions(await patchProject(preload()))).toEqual(['apply_config']);
});

test('who may connect reaches the host without a word to what runs', async () => {
  const settings = {
    allowed_ips: { ips: ['10.0.0.0/8'] },
    block_public_connections: true,
    block_vpc_connections: true,
  };
  expect(actions(await patchProject({ settings }))).toEqual(['apply_config']);
  await settle();
  expect(spec()).toMatchObject({
    allowedIps: ['10.0.0.0/8'],
    blockPublicConnections: true,
    blockPrivateConnections: true,
  });
});

test('how long history is kept is told to the storage', async () => {
  const change = await patchProject({ history_retention_seconds: 3600 });
  expect(actions(change)).toEqual(['apply_storage_config']);
  expect((await settle())[0]).toMatchObject({
    action: 'apply_storage_config',
    status: 'finished',
  });
  expect(control.host.puts.at(-1)).toMatchObject({ historyRetentionSeconds: 3600 });
});

/** The host reports what an endpoint has used in all. */
async function report(activeSeconds: number, bytesOut = 0, writtenBytes = 0): Promise<void> {
  const used = { activeSeconds, bytesOut, writtenBytes };
  await control.report(control.host.status(endpoint.id, used));
  await settle();
}

test.each([
  ['active_time_seconds', 'active time', 60],
  ['compute_time_seconds', 'compute time', 15],
  ['data_transfer_bytes', 'data transfer', 5000],
  ['written_data_bytes', 'written data', 7000],
])('%s that is used up stops what runs until there is more', async (quota, name, limit) => {
  expect(actions(await patchProject({ settings: { quota: { [quota]: limit } } }))).toEqual([]);
  await report(59, 4999, 6999);
  expect(control.host.running.has(endpoint.id)).toBe(true);
  await report(61, 5001, 7001);
  expect(spec()).toMatchObject({ exceededQuota: quota });
  expect(control.host.running.has(endpoint.id)).toBe(false);
  for (const power of ['start', 'restart']) {
    const { status, body } = await control.call(
      'POST',
      `${path}/endpoints/${endpoint.id}/${power}`,
    );
    expect([status, body]).toEqual([
      402,
      {
        code: '',
        message:
          `Your account or project has exceeded the ${name} quota. ` +
          'Upgrade your plan to increase limits.',
      },
    ]);
  }
  const more = await patchProject({ settings: { quota: { [quota]: limit * 2 } } });
  expect(actions(more)).toEqual(['apply_config']);
  await settle();
  expect(spec()).toMatchObject({ exceededQuota: null });
  const started = await control.call('POST', `${path}/endpoints/${endpoint.id}/start`);
  expect(started.status).toBe(200);
  await settle();
});

test('a quota below what was used stops what runs at once, and zero is no limit', async () => {
  await report(100);
  const less = await patchProject({ settings: { quota: { active_time_seconds: 50 } } });
  expect(actions(less)).toEqual(['apply_config', 'suspend_compute']);
  await settle();
  expect(control.host.running.has(endpoint.id)).toBe(false);
  const none = await patchProject({ settings: { quota: { active_time_seconds: 0 } } });
  expect(actions(none)).toEqual(['apply_config']);
  await settle();
  expect(spec()).toMatchObject({ exceededQuota: null });
});

test('how large a branch may be is told to what runs, and suspends nothing', async () => {
  const limit = (bytes: number) =>
    patchProject({ settings: { quota: { logical_size_bytes: bytes } } });
  expect(actions(await limit(1_000_000))).toEqual(['apply_config']);
  await settle();
  expect(spec()).toMatchObject({ logicalSizeLimitBytes: 1_000_000, exceededQuota: null });
  expect(control.host.running.has(endpoint.id)).toBe(true);
  expect(actions(await limit(1_000_000))).toEqual([]);
  expect(actions(await limit(0))).toEqual(['apply_config']);
  await settle();
  expect(spec()).not.toHaveProperty('logicalSizeLimitBytes');
});

test('a new month begins with the whole quota', async () => {
  await patchProject({ settings: { quota: { active_time_seconds: 50 } } });
  await report(51);
  expect(spec()).toMatchObject({ exceededQuota: 'active_time_seconds' });
  const worker = { kick: () => undefined, preempt: () => undefined };
  await liftQuotas({ db: control.db, worker });
  expect(spec()).toMatchObject({ exceededQuota: 'active_time_seconds' });
  const { id } = created.project;
  await sql`update monthly_usage set month = month - interval '1 month'
    where project_id = ${id}`.execute(control.db);
  await sql`update projects set exceeded_until = exceeded_until - interval '1 month'
    where id = ${id}`.execute(control.db);
  await liftQuotas({ db: control.db, worker });
  await settle();
  expect(spec()).toMatchObject({ exceededQuota: null });
});
