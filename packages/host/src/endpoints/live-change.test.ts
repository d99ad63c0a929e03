import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectLimits } from '@pgfleet/compute';
import type { EndpointId, EndpointSpec } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, queryValue, startTenant } from '../test-host.ts';

const { host } = sharedTestHost();

/** A running tenant whose endpoint is changed while a client is connected. */
async function connectedTenant(change: Partial<EndpointSpec> = {}) {
  const tenant = await startTenant(host, change);
  const { client, ...connection } = await connect(tenant.socketPath);
  const { endpointId } = tenant;
  let spec = tenant.endpoint;
  const pid = await value(client, 'SELECT pg_backend_pid()');
  return {
    ...tenant,
    client,
    put: (next: Partial<EndpointSpec>) => {
      spec = { ...spec, ...next, generation: spec.generation + 1 };
      return host.putEndpoint(spec);
    },
    putAgain: () => host.putEndpoint(spec),
    show: (name: string) => value(client, `SELECT current_setting('${name}')`),
    expectSameBackend: async () => expect(await value(client, 'SELECT pg_backend_pid()')).toBe(pid),
    untilIdle: () => untilIdle(endpointId),
    [Symbol.asyncDispose]: async () => {
      await connection[Symbol.asyncDispose]();
      await host.suspend(endpointId);
    },
  };
}

async function value(client: Client, sql: string): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
  return rows[0]?.[0];
}

const untilIdle = (endpointId: EndpointId) =>
  waitUntil(async () => (await host.endpoint(endpointId)).state === 'idle', {
    what: 'the compute to be suspended',
    timeoutMs: 20_000,
  });

test('another size is had by the sessions that are open, but for what a start decides', async () => {
  await using tenant = await connectedTenant({ minCu: 0.25, maxCu: 0.25 });
  expect(await tenant.show('effective_cache_size')).toBe('768MB');
  await tenant.put({ minCu: 1, maxCu: 2 });
  expect(await tenant.show('effective_cache_size')).toBe('6GB');
  expect(await tenant.show('max_parallel_workers')).toBe('2');
  expect(await tenant.show('maintenance_work_mem')).toBe('128MB');
  expect(await tenant.show('max_connections')).toBe('104');
  await tenant.expectSameBackend();
  expect((await host.endpoint(tenant.endpointId)).state).toBe('active');
  await host.suspend(tenant.endpointId, { onlyOutdated: true });
  await tenant.expectSameBackend();
});

test.skipIf(detectLimits().version !== 'v1')(
  'another size limits processor and memory of what runs at once, up and down',
  async () => {
    await using tenant = await connectedTenant({ minCu: 0.25, maxCu: 0.25 });
    const limit = (controller: string, file: string) =>
      Number(
        readFileSync(
          join('/sys/fs/cgroup', controller, 'pgfleet', `pgfleet-${tenant.endpointId}`, file),
          'utf8',
        ),
      );
    for (const cu of [2, 0.5]) {
      await tenant.put({ minCu: cu, maxCu: cu });
      expect(limit('cpu', 'cpu.cfs_quota_us') / limit('cpu', 'cpu.cfs_period_us')).toBe(cu);
      expect(limit('memory', 'memory.limit_in_bytes')).toBe(cu * 4 * 1024 ** 3);
    }
    await tenant.expectSameBackend();
  },
);

test('settings of Postgres reach an open session and are taken back from it', async () => {
  await using tenant = await connectedTenant({ pgSettings: { work_mem: '5MB' } });
  expect(await tenant.show('work_mem')).toBe('5MB');
  await tenant.put({ pgSettings: { work_mem: '8MB', 'my.note': "it's" } });
  expect(await tenant.show('work_mem')).toBe('8MB');
  expect(await tenant.show('my.note')).toBe("it's");
  await tenant.put({ pgSettings: {} });
  expect(await tenant.show('work_mem')).toBe('4MB');
  await tenant.expectSameBackend();
});

test('settings that Postgres does not accept are left out, now and at the next start', async () => {
  await using tenant = await connectedTenant({ pgSettings: { work_mem: '5MB' } });
  const change = { pgSettings: { timezone: 'Nowhere/Atlantis' }, allowedIps: ['10.0.0.1'] };
  await expect(tenant.put(change)).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringMatching(/timezone/i) as string,
  });
  expect(await tenant.show('work_mem')).toBe('5MB');
  await tenant.expectSameBackend();
  const login = await host.login(tenant.endpointId, { role: 'neondb_owner' });
  expect(login.allowedIps).toEqual(['10.0.0.1']);
  await host.suspend(tenant.endpointId);
  const { socketPath } = await host.start(tenant.endpointId);
  expect(await queryValue(socketPath, 'SHOW work_mem')).toBe('5MB');
});

test.each<Record<string, string>>([{ min_wal_size: '2MB' }, { notify_buffers: '17' }])(
  'settings that Postgres would not start with are refused by name, awake and asleep: %o',
  async (bad) => {
    await using tenant = await connectedTenant({ pgSettings: { work_mem: '5MB' } });
    const refusal = {
      code: 'invalid_request',
      message: `Postgres does not accept the value of ${Object.keys(bad).join()}`,
    };
    const change = { pgSettings: { work_mem: '6MB', ...bad } };
    await expect(tenant.put(change)).rejects.toMatchObject(refusal);
    expect(await tenant.show('work_mem')).toBe('5MB');
    await tenant.expectSameBackend();
    await host.suspend(tenant.endpointId);
    await expect(tenant.put(change)).rejects.toMatchObject(refusal);
    await expect(tenant.putAgain()).rejects.toMatchObject(refusal);
    const { socketPath } = await host.start(tenant.endpointId);
    expect(await queryValue(socketPath, 'SHOW work_mem')).toBe('5MB');
  },
);

test('a compute runs without the settings that Postgres did not start with, until they are others', async () => {
  await using tenant = await connectedTenant({
    pgSettings: { work_mem: '6MB', min_wal_size: '2MB' },
  });
  const { endpointId } = tenant;
  expect(await tenant.show('work_mem')).toBe('4MB');
  await tenant.put({ suspendTimeoutSeconds: 1000 });
  expect((await host.suspend(endpointId, { onlyOutdated: true })).state).toBe('active');
  const message = 'Postgres does not accept the value of min_wal_size';
  expect(await host.start(endpointId)).toMatchObject({ started: false, refusal: message });
  await host.suspend(endpointId);
  expect(await host.start(endpointId)).toMatchObject({ started: true, refusal: message });
  await tenant.put({ pgSettings: { work_mem: '6MB' } });
  const { socketPath, ...more } = await host.start(endpointId);
  expect(more).toEqual({ started: false });
  expect(await queryValue(socketPath, 'SHOW work_mem')).toBe('6MB');
});

test('a library that is not there keeps nobody out', async () => {
  await using tenant = await connectedTenant();
  await host.suspend(tenant.endpointId);
  await tenant.put({ preloadLibraries: ['no_such_library'] });
  const refusal = 'Postgres does not accept the value of a setting';
  expect(await host.start(tenant.endpointId)).toMatchObject({ started: true, refusal });
});

test('logical replication comes with the next start, for which an open transaction has time', async () => {
  await using tenant = await connectedTenant();
  await tenant.client.query('BEGIN');
  await tenant.put({ logicalReplication: true });
  expect(await tenant.show('wal_level')).toBe('replica');
  const suspended = host.suspend(tenant.endpointId, { onlyOutdated: true });
  await tenant.client.query('CREATE TABLE kept AS SELECT 7 AS n');
  await tenant.client.query('COMMIT');
  await suspended;
  expect((await host.endpoint(tenant.endpointId)).state).toBe('idle');
  const { socketPath } = await host.start(tenant.endpointId);
  expect(await queryValue(socketPath, 'SHOW wal_level')).toBe('logical');
  expect(await queryValue(socketPath, 'SELECT n FROM kept')).toBe(7);
  const slot = `SELECT slot_name FROM pg_create_logical_replication_slot('s', 'pgoutput')`;
  expect(await queryValue(socketPath, slot)).toBe('s');
  await queryValue(socketPath, `SELECT pg_drop_replication_slot('s')`);
});

test('a compute that has to start again is suspended as soon as nothing goes on in it', async () => {
  await using tenant = await connectedTenant({ suspendTimeoutSeconds: -1 });
  await tenant.put({ preloadLibraries: ['pg_stat_statements', 'auto_explain'] });
  await tenant.untilIdle();
  const { socketPath } = await host.start(tenant.endpointId);
  const libraries = 'SHOW shared_preload_libraries';
  expect(await queryValue(socketPath, libraries)).toBe('pg_stat_statements,auto_explain');
  await queryValue(socketPath, 'CREATE EXTENSION pg_stat_statements');
  await queryValue(socketPath, 'SELECT 1 AS counted');
  const counted = `SELECT calls::int FROM pg_stat_statements WHERE query LIKE '%AS counted'`;
  expect(await queryValue(socketPath, counted)).toBe(1);
});

test('what only a start can change is taken back by a start, and holds up no other change', async () => {
  const pgSettings = { max_locks_per_transaction: '80', max_worker_processes: '20' };
  const preloadLibraries = ['auto_explain'];
  await using tenant = await connectedTenant({ pgSettings, preloadLibraries });
  await tenant.client.query('BEGIN');
  await tenant.put({ pgSettings: {}, preloadLibraries: [] });
  await tenant.put({ pgSettings: { work_mem: '8MB' } });
  expect(await tenant.show('work_mem')).toBe('8MB');
  expect(await tenant.show('max_locks_per_transaction')).toBe('80');
  await tenant.client.query('COMMIT');
  expect((await host.suspend(tenant.endpointId, { onlyOutdated: true })).state).toBe('idle');
  const { socketPath } = await host.start(tenant.endpointId);
  expect(await queryValue(socketPath, 'SHOW max_locks_per_transaction')).toBe('64');
  expect(await queryValue(socketPath, 'SHOW max_worker_processes')).toBe('12');
  expect(await queryValue(socketPath, 'SHOW shared_preload_libraries')).toBe('');
});

test('a shorter suspend timeout puts a compute to sleep that would have stayed awake', async () => {
  await using tenant = await connectedTenant({ suspendTimeoutSeconds: -1 });
  await tenant.put({ suspendTimeoutSeconds: 1 });
  await tenant.untilIdle();
  await expect(tenant.client.query('SELECT 1')).rejects.toThrow();
});

test('a used-up quota suspends what runs, and nothing starts it until there is more', async () => {
  await using tenant = await connectedTenant();
  await tenant.put({ exceededQuota: 'compute_time_seconds' });
  await tenant.untilIdle();
  await expect(host.start(tenant.endpointId)).rejects.toMatchObject({
    code: 'quota_exceeded',
    message:
      'Your account or project has exceeded the compute time quota. ' +
      'Upgrade your plan to increase limits.',
  });
  await tenant.put({ exceededQuota: null });
  const { socketPath } = await host.start(tenant.endpointId);
  expect(await queryValue(socketPath, 'SELECT 1')).toBe(1);
});

const MIB = 1024 * 1024;
const patience = { timeout: 60_000, interval: 100 };
const fill = `INSERT INTO rows SELECT repeat('x', 1024) FROM generate_series(1, 40960)`;
const isReadOnly = (tenant: Awaited<ReturnType<typeof connectedTenant>>) => () =>
  tenant.show('default_transaction_read_only');

test('in a branch that grew too large only those write who say so, until enough is deleted', async () => {
  await using tenant = await connectedTenant({ logicalSizeLimitBytes: 30 * MIB });
  const { client } = tenant;
  await client.query('CREATE TABLE rows (filler text)');
  await client.query(fill);
  await expect.poll(isReadOnly(tenant), patience).toBe('on');
  await expect(client.query(fill)).rejects.toMatchObject({ code: '25006' });
  expect(await value(client, 'SELECT count(*)::int FROM rows')).toBe(40_960);
  await client.query('BEGIN READ WRITE');
  await client.query('TRUNCATE rows');
  await client.query('COMMIT');
  await expect.poll(isReadOnly(tenant), patience).toBe('off');
  await client.query('INSERT INTO rows VALUES (1)');
  await tenant.expectSameBackend();
});

test('a branch that is too large wakes read-only, and a higher limit counts at once', async () => {
  await using tenant = await connectedTenant({
    pgSettings: { default_transaction_read_only: '0' },
  });
  await tenant.client.query(`CREATE TABLE rows AS SELECT ''::text AS filler`);
  await tenant.client.query(fill);
  await host.suspend(tenant.endpointId);
  await tenant.put({ logicalSizeLimitBytes: 30 * MIB });
  const { socketPath } = await host.start(tenant.endpointId);
  await using connection = await connect(socketPath);
  const write = () => connection.client.query(`INSERT INTO rows VALUES ('y')`);
  await expect(write()).rejects.toMatchObject({ code: '25006' });
  await tenant.put({ logicalSizeLimitBytes: 300 * MIB });
  await write();
  await tenant.put({ logicalSizeLimitBytes: 20 * MIB });
  await expect(write()).rejects.toMatchObject({ code: '25006' });
  await tenant.put({ logicalSizeLimitBytes: 1000 * MIB });
  await write();
});

test('a change that comes while a compute starts is in force once it runs', async () => {
  await using tenant = await connectedTenant();
  await host.suspend(tenant.endpointId);
  const starting = host.start(tenant.endpointId);
  await tenant.put({ pgSettings: { work_mem: '6MB' } });
  const { socketPath } = await starting;
  await waitUntil(async () => (await queryValue(socketPath, 'SHOW work_mem')) === '6MB', {
    what: 'the setting to be in force',
    timeoutMs: 10_000,
  });
  expect(existsSync(socketPath)).toBe(true);
});

test('a shorter retention lets go of history before the change is answered', async () => {
  const { endpointId, timeline } = await startTenant(host);
  for (let run = 0; run < 3; run++) {
    const { socketPath } = await host.start(endpointId);
    await queryValue(
      socketPath,
      `SELECT pg_logical_emit_message(true, 'some', repeat('x', 48 * 1024 * 1024))::text`,
    );
    const { points } = await host.timeline(timeline.timelineId);
    await host.suspend(endpointId);
    await waitUntil(async () => (await host.timeline(timeline.timelineId)).points > points, {
      what: 'a point of history',
      timeoutMs: 30_000,
    });
  }
  const before = await host.timeline(timeline.timelineId);
  expect(before.points).toBeGreaterThan(1);
  await host.putTimeline({ ...timeline, historyRetentionSeconds: 0 });
  const after = await host.timeline(timeline.timelineId);
  expect(after.points).toBe(1);
  expect(after.walBytes).toBeLessThan(before.walBytes);
});
