import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EndpointId, TimelineId } from '@pgfleet/contract';
import { hasErrorCode, RpcClient, waitUntil } from '@pgfleet/kit';
import { describe, expect, test } from 'vitest';
import { sharedTestHost } from './shared-test-host.ts';
import {
  connect,
  newTenant,
  openTestHost,
  postmasters,
  queryValue,
  scramVerifier,
  startTenant,
  testDirectory,
  testPassword,
} from './test-host.ts';

const { host, directory } = sharedTestHost();

const loginOf = (endpointId: EndpointId, role = 'neondb_owner') => host.login(endpointId, { role });

const untilIdle = (endpointId: EndpointId, timeoutMs = 10_000) =>
  waitUntil(async () => (await host.endpoint(endpointId)).state === 'idle', {
    what: 'the endpoint to be idle',
    timeoutMs,
    intervalMs: 20,
  });

describe('a tenant', () => {
  test('is created, queried with its own password, suspended and woken with its data', async () => {
    const { socketPath, endpointId, timeline } = await startTenant(host);
    expect(await queryValue(socketPath, 'SELECT current_user')).toBe('neondb_owner');
    await queryValue(socketPath, 'CREATE TABLE t AS SELECT 42 AS n');

    expect(await host.suspend(endpointId)).toMatchObject({ state: 'idle', startError: null });
    expect(existsSync(socketPath)).toBe(false);
    expect(postmasters(directory, timeline.timelineId)).toEqual([]);

    expect(await host.start(endpointId)).toEqual({ socketPath, started: true });
    expect(await host.start(endpointId)).toEqual({ socketPath, started: false });
    expect(await queryValue(socketPath, 'SELECT n FROM t')).toBe(42);
  });

  test('may have other names than the template has', async () => {
    const tenant = newTenant();
    const verifier = scramVerifier(testPassword);
    await host.putTimeline({
      ...tenant.timeline,
      initial: {
        roles: [{ name: "o'hara", verifier }],
        databases: [{ name: 'Shop "1"', ownerName: "o'hara" }],
      },
    });
    await host.putEndpoint(tenant.endpoint);
    const { socketPath } = await host.start(tenant.endpoint.endpointId);
    const login = { user: "o'hara", database: 'Shop "1"' };
    expect(await queryValue(socketPath, 'SELECT current_database()', login)).toBe('Shop "1"');
    const others = `SELECT count(*)::int FROM pg_database WHERE datname = 'neondb'`;
    expect(await queryValue(socketPath, others, login)).toBe(0);
  });

  test('is made only once, however often it is asked for', async () => {
    const tenant = newTenant();
    await Promise.all([host.putTimeline(tenant.timeline), host.putTimeline(tenant.timeline)]);
    await host.putEndpoint(tenant.endpoint);
    const { socketPath } = await host.start(tenant.endpoint.endpointId);
    await queryValue(socketPath, 'CREATE TABLE t ()');
    await host.putTimeline(tenant.timeline);
    expect(await queryValue(socketPath, 'SELECT count(*)::int FROM t')).toBe(0);
  });

  test('leaves nothing behind when it is deleted', async () => {
    const { endpointId, socketPath, timeline } = await startTenant(host);
    await using connection = await connect(socketPath);
    await connection.client.query('SELECT 1');
    await host.deleteTimeline(timeline.timelineId);
    await host.deleteEndpoint(endpointId);
    await host.deleteTimeline(timeline.timelineId);
    await host.deleteEndpoint(endpointId);

    expect(postmasters(directory, timeline.timelineId)).toEqual([]);
    await waitUntil(() => traces(timeline.timelineId).length === 0, {
      what: 'the space of the timeline to be given back',
      timeoutMs: 30_000,
    });
    expect(traces(endpointId.replace(/^ep-/, ''))).toEqual([]);
    await expect(host.endpoint(endpointId)).rejects.toMatchObject({ code: 'endpoint_not_found' });
  });
});

describe('a compute', () => {
  test('is started once by fifty callers at the same moment', async () => {
    const { endpointId, timeline } = await startTenant(host);
    await host.suspend(endpointId);
    const starts = await Promise.all(Array.from({ length: 50 }, () => host.start(endpointId)));
    expect(new Set(starts.map(({ socketPath }) => socketPath)).size).toBe(1);
    expect(postmasters(directory, timeline.timelineId)).toHaveLength(1);
  });

  test('starts again when it is asked to while it stops', async () => {
    const { endpointId, socketPath } = await startTenant(host);
    const suspended = host.suspend(endpointId);
    await waitUntil(async () => (await host.endpoint(endpointId)).state !== 'active', {
      what: 'the suspend to begin',
      timeoutMs: 5000,
      intervalMs: 1,
    });
    await host.start(endpointId);
    await suspended;
    expect(await queryValue((await host.start(endpointId)).socketPath, 'SELECT 1')).toBe(1);
    expect(socketPath).toBeTruthy();
  });

  test('that is deleted while it starts is told of as one that is not there', async () => {
    const { endpointId } = await startTenant(host);
    await host.suspend(endpointId);
    await Promise.all([
      expect(host.start(endpointId)).rejects.toMatchObject({ code: 'endpoint_not_found' }),
      host.deleteEndpoint(endpointId),
    ]);
  });

  test('that cannot start says so, and starts once the reason is gone', async () => {
    const tenant = newTenant();
    const { endpointId } = tenant.endpoint;
    await host.putTimeline(tenant.timeline);
    await host.putEndpoint(tenant.endpoint);
    const versionFile = versionFileOf(tenant.timeline.timelineId);
    writeFileSync(versionFile, '9.0\n');
    await expect(host.start(endpointId)).rejects.toMatchObject({ code: 'compute_start_failed' });
    const failed = await host.endpoint(endpointId);
    expect(failed.state).toBe('idle');
    expect(failed.startError).toContain('could not be started');
    expect(controlGroups(endpointId)).toEqual([]);

    writeFileSync(versionFile, '17\n');
    await host.start(endpointId);
    expect((await host.endpoint(endpointId)).startError).toBeNull();
  });

  test('that is killed is noticed, and recovers everything that was committed', async () => {
    const { endpointId, socketPath, timeline } = await startTenant(host);
    await queryValue(socketPath, 'CREATE TABLE t AS SELECT generate_series(1, 100) AS n');
    await queryValue(socketPath, `ALTER ROLE neondb_owner PASSWORD 'another one'`);
    const [postmaster] = postmasters(directory, timeline.timelineId);
    process.kill(postmaster!, 'SIGKILL');
    await untilIdle(endpointId);

    // What is on disk may be older than the last password, so the compute itself is asked.
    expect((await loginOf(endpointId)).socketPath).toBe(socketPath);
    const login = { password: 'another one' };
    expect(await queryValue(socketPath, 'SELECT count(*)::int FROM t', login)).toBe(100);
  });

  test('does not start for a disabled endpoint, and stops when its endpoint is disabled', async () => {
    const { endpoint, endpointId } = await startTenant(host);
    await host.putEndpoint({ ...endpoint, disabled: true, generation: 2 });
    await untilIdle(endpointId);
    await expect(host.start(endpointId)).rejects.toMatchObject({ code: 'endpoint_disabled' });
    expect(await loginOf(endpointId)).toMatchObject({ disabled: true, socketPath: null });

    await host.putEndpoint({ ...endpoint, generation: 1 });
    await expect(host.start(endpointId)).rejects.toMatchObject({ code: 'endpoint_disabled' });
    await host.putEndpoint({ ...endpoint, generation: 3 });
    expect(await host.start(endpointId)).toMatchObject({ started: true });
  });

  test('of one endpoint keeps another endpoint off the same data', async () => {
    const { endpoint, socketPath } = await startTenant(host);
    const second = newTenant({ timelineId: endpoint.timelineId }).endpoint;
    await host.putEndpoint(second);
    await expect(host.start(second.endpointId)).rejects.toMatchObject({ code: 'timeline_locked' });
    expect(await queryValue(socketPath, 'SELECT 1')).toBe(1);
  });
});

describe('an idle compute', () => {
  test('is suspended after its timeout, and still tells proxies how to log in', async () => {
    const { endpointId, socketPath } = await startTenant(host, { suspendTimeoutSeconds: 1 });
    await queryValue(socketPath, `CREATE ROLE reader LOGIN PASSWORD 'read only'`);
    const running = await loginOf(endpointId, 'reader');
    const begin = performance.now();
    await untilIdle(endpointId);
    expect(performance.now() - begin).toBeLessThan(2500);

    const asleep = await loginOf(endpointId, 'reader');
    expect(asleep).toEqual({ ...running, socketPath: null });
    expect((await loginOf(endpointId, 'cloud_admin')).verifier).toBeNull();
    expect((await host.endpoint(endpointId)).state).toBe('idle');
    const { activeSeconds } = await host.endpoint(endpointId);
    expect(activeSeconds).toBeGreaterThan(0.9);
    expect(activeSeconds).toBeLessThan(3);
  });

  test('is kept awake by a running statement, an open transaction and traffic', async () => {
    const { endpointId, socketPath } = await startTenant(host, { suspendTimeoutSeconds: 1 });
    await using connection = await connect(socketPath);
    await connection.client.query('SELECT pg_sleep(1.6)');
    await connection.client.query('BEGIN');
    await passes(1.5);
    expect((await host.endpoint(endpointId)).state).toBe('active');
    await connection.client.query('COMMIT');
    const report = { endpointId, connections: 1, bytesIn: 1, bytesOut: 10, quietMs: 0 };
    const end = performance.now() + 1500;
    await waitUntil(
      async () => {
        await host.reportActivity({ proxyId: 'proxy-1', endpoints: [report] });
        return performance.now() > end;
      },
      { what: 'the time of the traffic', timeoutMs: 5000, intervalMs: 100 },
    );
    expect(await host.endpoint(endpointId)).toMatchObject({ state: 'active', connections: 1 });
    await untilIdle(endpointId);
    expect((await host.endpoint(endpointId)).bytesOut).toBeGreaterThan(100);
  });

  test('is not suspended under a client that has just been told where it is', async () => {
    const { endpointId } = await startTenant(host, { suspendTimeoutSeconds: 1 });
    const end = performance.now() + 2500;
    let restarts = 0;
    await waitUntil(
      async () => {
        if ((await host.start(endpointId)).started) restarts += 1;
        return performance.now() > end;
      },
      { what: 'the time of the arrivals', timeoutMs: 5000, intervalMs: 300 },
    );
    expect(restarts).toBe(0);
    await untilIdle(endpointId);
  });

  test('whose timeout is shortened is suspended by the new one', async () => {
    const { endpointId, endpoint } = await startTenant(host, { suspendTimeoutSeconds: 3600 });
    await host.putEndpoint({ ...endpoint, suspendTimeoutSeconds: 1, generation: 2 });
    await expect(untilIdle(endpointId, 3000)).resolves.toBe(true);
  });
});

describe('a login', () => {
  test('follows a password that was changed by SQL at once', async () => {
    const { endpointId, socketPath } = await startTenant(host);
    const before = await loginOf(endpointId);
    expect(before.socketPath).toBe(socketPath);
    await queryValue(socketPath, `ALTER ROLE neondb_owner PASSWORD 'changed by SQL'`);
    const after = await loginOf(endpointId);
    expect(after.verifier).not.toBe(before.verifier);
    await host.suspend(endpointId);
    expect((await loginOf(endpointId)).verifier).toBe(after.verifier);
    expect((await loginOf(endpointId, 'nobody')).verifier).toBeNull();
  });

  test('knows the roles of a compute that never ran without starting it', async () => {
    const tenant = newTenant({ allowedIps: ['10.0.0.0/8'] });
    await host.putTimeline(tenant.timeline);
    await host.putEndpoint(tenant.endpoint);
    expect(await loginOf(tenant.endpoint.endpointId)).toMatchObject({
      projectId: tenant.endpoint.projectId,
      verifier: tenant.timeline.initial.roles[0]!.verifier,
      allowedIps: ['10.0.0.0/8'],
      socketPath: null,
    });
  });

  test('is answered in the end, however often the compute is suspended meanwhile', async () => {
    const { endpointId } = await startTenant(host);
    const end = performance.now() + 4000;
    const busy = () => performance.now() < end;
    const repeat = async (work: () => Promise<unknown>) => {
      while (busy()) await work();
    };
    const everybody = Promise.all([
      ...Array.from({ length: 4 }, () => repeat(() => host.suspend(endpointId))),
      ...Array.from({ length: 4 }, () => repeat(() => host.start(endpointId))),
      ...Array.from({ length: 8 }, () => repeat(() => loginOf(endpointId))),
    ]);
    await expect(everybody).resolves.toHaveLength(16);
  });

  test('waits for an endpoint that is still being made', async () => {
    const tenant = newTenant();
    const { endpointId } = tenant.endpoint;
    await expect(loginOf(endpointId)).rejects.toMatchObject({ code: 'endpoint_not_found' });
    const login = host.login(endpointId, { role: 'neondb_owner', waitForSpecMs: 20_000 });
    await host.putEndpoint(tenant.endpoint);
    await host.putTimeline(tenant.timeline);
    expect((await login).projectId).toBe(tenant.endpoint.projectId);
  });
});

describe('the API', () => {
  test('refuses strangers and nonsense', async () => {
    const address = `unix:${join(directory, 'host.sock')}`;
    await using stranger = new RpcClient(address, 'a wrong token');
    const answer = await stranger.send({ method: 'GET', path: '/v1/info' });
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    const broken = { ...newTenant().timeline, pgMajor: 9 };
    await expect(host.putTimeline(broken)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('says what the host is', async () => {
    const info = await host.info();
    expect(info).toMatchObject({ hostId: 'host-test', volumeDriver: 'copy' });
    expect(info.pgMajors).toContain(17);
    expect(info.endpoints).toBe((await host.endpoints()).endpoints.length);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a volume that clones files', () => {
  test('holds tenants like any other', async () => {
    await using place = await testDirectory();
    await using cloning = await openTestHost(place.path, { volume: 'reflink' });
    expect((await cloning.host.info()).volumeDriver).toBe('reflink');
    const { socketPath, endpointId, timeline } = await startTenant(cloning.host);
    await queryValue(socketPath, 'CREATE TABLE t AS SELECT 42 AS n');
    await cloning.host.suspend(endpointId);
    await cloning.host.start(endpointId);
    expect(await queryValue(socketPath, 'SELECT n FROM t')).toBe(42);
    await cloning.host.deleteTimeline(timeline.timelineId);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  test('is named as such, and the host lives on', async () => {
    await using small = await testDirectory();
    const volumeDirectory = join(small.path, 'host', 'volume');
    mkdirSync(volumeDirectory, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=110m', 'tmpfs', volumeDirectory]);
    try {
      await using full = await openTestHost(small.path, { spareClones: 0 });
      const first = newTenant();
      await full.host.putTimeline(first.timeline);
      await full.host.putEndpoint(first.endpoint);
      const second = newTenant();
      await expect(full.host.putTimeline(second.timeline)).rejects.toMatchObject({
        code: 'disk_full',
      });
      const ballast = join(volumeDirectory, 'ballast');
      fill(ballast);
      await expect(full.host.start(first.endpoint.endpointId)).rejects.toMatchObject({
        code: 'disk_full',
      });
      rmSync(ballast);
      await full.host.start(first.endpoint.endpointId);
      await full.host.deleteTimeline(first.timeline.timelineId);
      await full.host.putTimeline(second.timeline);
    } finally {
      execFileSync('umount', [volumeDirectory]);
    }
  });
});

/** Files and directories below the host's that carry a name, while the host may be removing some. */
function traces(name: TimelineId | string): readonly string[] {
  const found = spawnSync('find', [directory, '-name', `*${name}*`], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const trouble = found.stderr.split('\n').filter(Boolean);
  expect(trouble.filter((line) => !line.endsWith('No such file or directory'))).toEqual([]);
  return found.stdout.split('\n').filter(Boolean);
}

/** Where the data of a timeline says which Postgres it is of. */
function versionFileOf(timelineId: TimelineId): string {
  const files = traces('PG_VERSION').filter((path) => path.includes(timelineId));
  return files.toSorted((a, b) => a.length - b.length)[0]!;
}

/** Control groups of an endpoint, in either version of them. */
function controlGroups(endpointId: EndpointId): readonly string[] {
  return ['', 'cpu', 'memory', 'pids']
    .map((controller) => join('/sys/fs/cgroup', controller, 'pgfleet', `pgfleet-${endpointId}`))
    .filter(existsSync);
}

/** Writes a file until the disk is full. */
function fill(path: string): void {
  const mebibyte = Buffer.alloc(1024 * 1024);
  try {
    for (;;) appendFileSync(path, mebibyte);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOSPC')) throw error;
  }
}

/** Resolves when this many seconds have gone by, where the passing of time is what is tested. */
async function passes(seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000;
  await waitUntil(() => performance.now() >= end, {
    what: 'time to pass',
    timeoutMs: seconds * 1000 + 1000,
  });
}
