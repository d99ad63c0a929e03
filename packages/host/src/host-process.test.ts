import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { waitUntil } from '@pgfleet/kit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  masterKey,
  newTenant,
  postmasters,
  queryValue,
  startTenant,
  testClient,
  testDirectory,
  testOptions,
  testToken,
} from './test-host.ts';

const packageDirectory = fileURLToPath(new URL('..', import.meta.url));
const children = new Set<ChildProcess>();
let directory: Awaited<ReturnType<typeof testDirectory>>;
let client: ReturnType<typeof testClient>;

// The processes run compiled files: Node cannot read TypeScript before version 22.
beforeAll(async () => {
  await promisify(execFile)('npx', ['tsc', '-b', packageDirectory]);
  directory = await testDirectory();
  client = testClient(directory.path);
});

// What a test has started goes before its directory does, whatever the outcome.
afterEach(async () => {
  for (const child of children) await kill(child, 'SIGKILL');
  for (const tree of timelines()) {
    for (const pid of postmasters(directory.path, tree)) process.kill(pid, 'SIGKILL');
  }
});

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

test('computes serve on while their host is killed, and the next host adopts them', async () => {
  const first = await startHost();
  const { endpointId, socketPath, timeline } = await startTenant(client.host);
  await queryValue(socketPath, 'CREATE TABLE t AS SELECT 1 AS n');
  const before = postmasters(directory.path, timeline.timelineId);
  await kill(first, 'SIGKILL');
  expect(await queryValue(socketPath, 'SELECT n FROM t')).toBe(1);

  await startHost();
  expect((await client.host.endpoint(endpointId)).state).toBe('active');
  expect(await client.host.start(endpointId)).toEqual({ socketPath, started: false });
  expect(postmasters(directory.path, timeline.timelineId)).toEqual(before);
  const login = await client.host.login(endpointId, { role: 'neondb_owner' });
  expect(login.verifier).toContain('SCRAM-SHA-256$');

  await client.host.suspend(endpointId);
  expect(postmasters(directory.path, timeline.timelineId)).toEqual([]);
});

test('a compute that dies while no host runs is known to be gone', async () => {
  const first = await startHost();
  const { endpointId, socketPath, timeline } = await startTenant(client.host);
  await kill(first, 'SIGKILL');
  process.kill(postmasters(directory.path, timeline.timelineId)[0]!, 'SIGKILL');
  await startHost();
  expect((await client.host.endpoint(endpointId)).state).toBe('idle');
  await client.host.start(endpointId);
  expect(await queryValue(socketPath, 'SELECT 1')).toBe(1);
});

test('an orderly stop suspends every compute, leaves no process and ends with 0', async () => {
  const host = await startHost();
  const tenants = [await startTenant(client.host), await startTenant(client.host)];
  const begin = performance.now();
  expect(await kill(host, 'SIGTERM')).toBe(0);
  expect(performance.now() - begin).toBeLessThan(5000);
  for (const { socketPath, timeline } of tenants) {
    expect(postmasters(directory.path, timeline.timelineId)).toEqual([]);
    expect(existsSync(socketPath)).toBe(false);
  }
});

test('a timeline never has two postmasters, whenever hosts are killed', async () => {
  let host = await startHost();
  const { endpointId, timeline } = await startTenant(client.host);
  const watch = watchPostmasters(timeline.timelineId);
  for (const delayMs of [0, 5, 15, 30]) {
    await client.host.suspend(endpointId);
    const start = client.host.start(endpointId).catch(() => undefined);
    const kills = performance.now() + delayMs;
    await waitUntil(() => performance.now() >= kills, { what: 'the moment', timeoutMs: 1000 });
    await kill(host, 'SIGKILL');
    await start;
    host = await startHost();
    await client.host.start(endpointId);
    expect(postmasters(directory.path, timeline.timelineId)).toHaveLength(1);
  }
  expect(watch.stop()).toBeLessThanOrEqual(1);
});

test('creations that a kill cut off are finished or can be repeated, and nothing is left over', async () => {
  const host = await startHost();
  const tenants = Array.from({ length: 4 }, () => newTenant().timeline);
  const made = tenants.map((timeline) => client.host.putTimeline(timeline));
  const settled = Promise.allSettled(made);
  await Promise.any(made);
  await kill(host, 'SIGKILL');
  await settled;

  await startHost();
  await Promise.all(tenants.map((timeline) => client.host.putTimeline(timeline)));
  expect(trees()).toEqual(timelines().toSorted());
  for (const { timelineId } of tenants) expect(trees()).toContain(timelineId);
});

test('a second host on the same directory is refused', async () => {
  await startHost();
  const second = spawnHost({ PGFLEET_LOG_LEVEL: 'silent' });
  const [code] = (await once(second, 'exit')) as [number];
  expect(code).toBe(1);
});

async function startHost(): Promise<ChildProcess> {
  const child = spawnHost();
  const failed = once(child, 'exit').then(() => {
    throw new Error('the host ended before it was ready');
  });
  await Promise.race([once(child, 'message'), failed]);
  failed.catch(() => undefined);
  return child;
}

function spawnHost(env: NodeJS.ProcessEnv = {}): ChildProcess {
  const options = testOptions(directory.path);
  const tokenFile = join(directory.path, 'internal.key');
  writeFileSync(tokenFile, testToken);
  const child = spawn(process.execPath, [join(packageDirectory, 'dist', 'main.js')], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: {
      ...process.env,
      PGFLEET_DATA_DIR: directory.path,
      PGFLEET_LOG_LEVEL: process.env['PGFLEET_TEST_LOG'] ?? 'silent',
      PGFLEET_INTERNAL_TOKEN_FILE: tokenFile,
      PGFLEET_MASTER_KEY: masterKey.toString('hex'),
      PGFLEET_HOST_ID: options.hostId,
      PGFLEET_REGION: options.regionId,
      PGFLEET_HOST_DIR: options.hostDir,
      PGFLEET_HOST_ADDRESS: options.address,
      PGFLEET_RUN_DIR: options.runDir,
      PGFLEET_VOLUME: 'copy',
      PGFLEET_SPARE_CLONES: '0',
      ...env,
    },
  });
  children.add(child);
  return child;
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = (await exited) as [number | null];
  return code;
}

/** Counts postmasters all the time; `stop` returns the most that were there at once. */
function watchPostmasters(timelineId: string): { readonly stop: () => number } {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, postmasters(directory.path, timelineId).length);
  }, 10);
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}

function trees(): readonly string[] {
  const names = readdirSync(join(directory.path, 'host', 'volume', 'volume', 'trees'));
  return names.filter((name) => name.startsWith('tl-')).toSorted();
}

function timelines(): readonly string[] {
  const records = join(directory.path, 'host', 'timelines');
  if (!existsSync(records)) return [];
  return readdirSync(records).map((file) => file.replace(/\.json$/, ''));
}
