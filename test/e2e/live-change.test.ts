import type { CreatedProject, Endpoint, Operation } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

/* What a change of a project's or an endpoint's settings does to clients that are connected. */

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => await platform[Symbol.asyncDispose]());

let created: CreatedProject;
let uri: string;
let path: string;
let endpointPath: string;
beforeEach(async () => {
  created = await platform.createProject();
  uri = created.connection_uris[0]!.connection_uri;
  path = `/projects/${created.project.id}`;
  endpointPath = `${path}/endpoints/${created.endpoints[0]!.id}`;
  await platform.settle(created.project.id);
});

type Session = Awaited<ReturnType<typeof connectClient>>;

async function value(session: Session, sql: string): Promise<unknown> {
  const { rows } = await session.query<unknown[]>({ text: sql, rowMode: 'array' });
  return rows[0]?.[0];
}

const pidOf = (session: Session) => value(session, 'select pg_backend_pid()');

async function patch(target: string, body: object): Promise<readonly string[]> {
  const answer = await platform.api<{ operations: Operation[] }>('PATCH', target, body);
  expect(answer.status).toBe(200);
  const operations = await platform.settle(created.project.id);
  for (const operation of operations) expect(operation.status).toBe('finished');
  return answer.body.operations.map(({ action }) => action);
}
const patchProject = (settings: object) => patch(path, { project: { settings } });
const patchEndpoint = (endpoint: object) => patch(endpointPath, { endpoint });

const untilState = (state: string) =>
  waitUntil(
    async () => {
      const { body } = await platform.api<{ endpoint: Endpoint }>('GET', endpointPath);
      return body.endpoint.current_state === state;
    },
    { what: `the endpoint to be ${state}`, timeoutMs: 60_000 },
  );

async function refusal(): Promise<string> {
  try {
    await using session = await connectClient(uri);
    return `connected as ${String(await pidOf(session))}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('a larger compute is had by who is connected, without a new connection', async () => {
  await using session = await connectClient(uri);
  const pid = await pidOf(session);
  const cache = 'show effective_cache_size';
  const before = await value(session, cache);
  const size = { autoscaling_limit_min_cu: 1, autoscaling_limit_max_cu: 2 };
  expect(await patchEndpoint(size)).toEqual(['apply_config']);
  expect([before, await value(session, cache)]).toEqual(['768MB', '6GB']);
  const smaller = { autoscaling_limit_min_cu: 0.25, autoscaling_limit_max_cu: 0.5 };
  expect(await patchEndpoint(smaller)).toEqual(['apply_config']);
  expect(await value(session, cache)).toBe('1536MB');
  expect(await pidOf(session)).toBe(pid);
});

test('settings of Postgres are in force in an open session; wrong ones change nothing', async () => {
  await using session = await connectClient(uri);
  const pid = await pidOf(session);
  const settings = { pg_settings: { work_mem: '9MB', statement_timeout: '5min' } };
  expect(await patchEndpoint({ settings })).toEqual(['apply_config']);
  expect(await value(session, 'show work_mem')).toBe('9MB');
  for (const wrong of [{ work_mem: '1' }, { fsync: 'off' }, { nonsense: 'on' }]) {
    const { status } = await platform.api('PATCH', endpointPath, {
      endpoint: { settings: { pg_settings: wrong } },
    });
    expect(status).toBe(400);
  }
  expect(await value(session, 'show work_mem')).toBe('9MB');
  expect(await pidOf(session)).toBe(pid);
});

test('who may connect is decided anew for every connection; open ones go on', async () => {
  await using session = await connectClient(uri);
  const pid = await pidOf(session);
  await patchProject({ allowed_ips: { ips: ['203.0.113.0/24'] } });
  expect(await refusal()).toContain('is not allowed to connect to this endpoint');
  await patchProject({ allowed_ips: { ips: ['127.0.0.1', '::1'] } });
  expect(await refusal()).toContain('connected');
  await patchProject({ block_vpc_connections: true });
  expect(await refusal()).toContain('from a blocked network');
  await patchProject({ block_vpc_connections: false, block_public_connections: true });
  expect(await refusal()).toContain('connected');
  expect(await pidOf(session)).toBe(pid);
});

test('logical replication suspends the compute; the next connection has it', async () => {
  await using session = await connectClient(uri);
  expect(await value(session, 'show wal_level')).toBe('replica');
  const actions = await patchProject({ enable_logical_replication: true });
  expect(actions).toEqual(['apply_config', 'suspend_compute']);
  await expect(session.query('select 1')).rejects.toThrow();
  await using again = await connectClient(uri);
  expect(await value(again, 'show wal_level')).toBe('logical');
});

test('libraries are preloaded by a start, which operations tell of', async () => {
  const { body } = await platform.api<{ libraries: { library_name: string }[] }>(
    'GET',
    `${path}/available_preload_libraries`,
  );
  expect(body.libraries.map((library) => library.library_name)).toContain('pg_stat_statements');
  await (await connectClient(uri)).end();
  await untilState('active');
  const libraries = { preload_libraries: { enabled_libraries: ['pg_stat_statements'] } };
  const actions = await patchProject(libraries);
  expect(actions).toEqual(['apply_config', 'suspend_compute', 'start_compute']);
  await using session = await connectClient(uri);
  expect(await value(session, 'show shared_preload_libraries')).toBe('pg_stat_statements');
  const unknown = { preload_libraries: { enabled_libraries: ['no_such_library'] } };
  const { status } = await platform.api('PATCH', path, { project: { settings: unknown } });
  expect(status).toBe(400);
});

test('a shorter suspend timeout counts for the compute that runs', async () => {
  await using session = await connectClient(uri);
  await patchEndpoint({ suspend_timeout_seconds: -1 });
  await untilState('active');
  await patchEndpoint({ suspend_timeout_seconds: 1 });
  await untilState('idle');
  await expect(session.query('select 1')).rejects.toThrow();
});

test('a quota that is used up ends what runs, and clients are told until it is raised', async () => {
  await using session = await connectClient(uri);
  const pid = await pidOf(session);
  const metered = await waitUntil(
    async () => {
      const answer = await platform.api<{ project: { active_time_seconds: number } }>('GET', path);
      const { active_time_seconds: seconds } = answer.body.project;
      return seconds > 1 ? seconds : undefined;
    },
    { what: 'some active time', timeoutMs: 60_000 },
  );
  const quota = (seconds: number) => ({ quota: { active_time_seconds: seconds } });
  expect(await patchProject(quota(100_000))).toEqual([]);
  expect(await pidOf(session)).toBe(pid);
  await patchProject(quota(metered + 5));
  await untilState('idle');
  await platform.settle(created.project.id);
  await expect(session.query('select 1')).rejects.toThrow();
  expect(await refusal()).toBe(
    'Your account or project has exceeded the active time quota. ' +
      'Upgrade your plan to increase limits.',
  );
  expect((await platform.api('POST', `${endpointPath}/start`)).status).toBe(402);
  expect(await patchProject(quota(100_000))).toEqual(['apply_config']);
  expect(await refusal()).toContain('connected');
});

test('what clients wrote is shown, and ends what runs once it is more than the quota', async () => {
  await using session = await connectClient(uri);
  const fill = `insert into rows select repeat('x', 1024) from generate_series(1, 10240)`;
  await session.query('create table rows (filler text)');
  await session.query(fill);
  const written = async () => {
    const answer = await platform.api<{ project: { written_data_bytes: number } }>('GET', path);
    return answer.body.project.written_data_bytes;
  };
  const MIB = 1024 * 1024;
  await expect.poll(written, { timeout: 60_000 }).toBeGreaterThan(10 * MIB);
  expect(await written()).toBeLessThan(14 * MIB);
  const quota = (bytes: number) => ({ quota: { written_data_bytes: bytes } });
  expect(await patchProject(quota(20 * MIB))).toEqual([]);
  await session.query(fill).catch(() => undefined);
  await untilState('idle');
  await platform.settle(created.project.id);
  expect(await refusal()).toBe(
    'Your account or project has exceeded the written data quota. ' +
      'Upgrade your plan to increase limits.',
  );
  expect(await patchProject(quota(1000 * MIB))).toEqual(['apply_config']);
  expect(await refusal()).toContain('connected');
});

test('a branch that is larger than the quota can be read, and written to by who makes room', async () => {
  await using session = await connectClient(uri);
  await session.query(`create table rows as
    select repeat('x', 1024) as filler from generate_series(1, 40960)`);
  await untilState('active');
  await platform.api('POST', `${endpointPath}/suspend`);
  await platform.settle(created.project.id);
  expect(await patchProject({ quota: { logical_size_bytes: 30_000_000 } })).toEqual([
    'apply_config',
  ]);
  await using again = await connectClient(uri);
  expect(await value(again, 'select count(*)::int from rows')).toBe(40_960);
  await expect(again.query(`insert into rows values ('y')`)).rejects.toMatchObject({
    code: '25006',
  });
  await again.query('begin read write');
  await again.query('truncate rows');
  await again.query('commit');
  await expect
    .poll(() => value(again, 'show default_transaction_read_only'), { timeout: 60_000 })
    .toBe('off');
  await again.query(`insert into rows values ('y')`);
});
