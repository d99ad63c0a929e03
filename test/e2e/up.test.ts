import { mkdirSync, statSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connectClient, Platform, startPlatform } from '@pgfleet/testkit';
import { expect, test } from 'vitest';

const ORDINARY = { uid: 54_321, gid: 54_321 };
const isRoot = process.getuid?.() === 0;
// A checkout below a private home directory cannot be run by somebody else.
const othersMayRun =
  isRoot &&
  spawnSync(
    process.execPath,
    ['-e', `require('node:fs').readdirSync(process.argv[1])`, import.meta.dirname],
    {
      ...ORDINARY,
    },
  ).status === 0;

async function failedStart(platform: Platform): Promise<{ code: number | null; stderr: string }> {
  const up = platform.launch();
  await once(up, 'close');
  return { code: up.exitCode, stderr: platform.output.stderr };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s stops everything within seconds', async (signal) => {
  await using platform = await startPlatform();
  const created = await platform.createProject();
  await using client = await connectClient(created.connection_uris[0]!.connection_uri);
  await client.query('select 1');
  const begin = performance.now();
  expect(await platform.stop(signal)).toBe(0);
  expect(performance.now() - begin).toBeLessThan(15_000);
  expect(platform.allProcesses()).toEqual([]);
});

test('npm start serves, and a signal to npm stops everything in order', async () => {
  await using platform = await startPlatform({ command: ['npm', 'start'] });
  expect((await platform.api('GET', '/projects')).status).toBe(200);
  expect(await platform.stop()).toBe(0);
  expect(platform.allProcesses()).toEqual([]);
});

test('secrets are readable by their owner alone', async () => {
  await using platform = await startPlatform();
  for (const name of ['admin.key', 'internal.key', 'master.key', 'tls/server.key', 'tls/ca.key']) {
    expect([name, statSync(join(platform.dataDir, name)).mode & 0o777]).toEqual([name, 0o600]);
  }
  expect(statSync(platform.dataDir).mode & 0o077).toBe(0o011);
});

test('data and keys outlive a stop and a start', async () => {
  await using platform = await startPlatform();
  const created = await platform.createProject();
  const uri = created.connection_uris[0]!.connection_uri;
  {
    await using client = await connectClient(uri);
    await client.query('create table kept as select 7 as value');
  }
  const key = platform.adminKey;
  expect(await platform.stop()).toBe(0);
  await platform.start();
  expect(platform.adminKey).toBe(key);
  await using client = await connectClient(uri);
  expect((await client.query('select value from kept')).rows).toEqual([{ value: 7 }]);
});

test('a second up on the same directory is refused and disturbs nothing', async () => {
  await using platform = await startPlatform();
  const env = { PGFLEET_DATA_DIR: platform.dataDir };
  await using second = await Platform.prepare({ env });
  expect(await failedStart(second)).toEqual({
    code: 1,
    stderr: `pgfleet: another pgfleet runs on ${platform.dataDir}: stop it first, or set PGFLEET_DATA_DIR\n`,
  });
  expect((await platform.api('GET', '/projects')).status).toBe(200);
});

test.each(['PGFLEET_API_PORT', 'PGFLEET_PG_PORT'])(
  'a %s that is in use is named before anything is started',
  async (variable) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await using platform = await Platform.prepare({ env: { [variable]: String(port) } });
    const { code, stderr } = await failedStart(platform);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `pgfleet: port ${port} on 127.0.0.1 is in use: stop the program that has it, or set ${variable} to another port\n`,
    );
    expect(platform.processes()).toEqual([]);
    server.close();
  },
);

test('all mistakes in the settings are reported at once', async () => {
  await using platform = await Platform.prepare({
    env: { PGFLEET_API_PORT: 'many', PGFLEET_REGIONS: 'Ohio', PGFLEET_VOLUME: 'floppy' },
  });
  const { code, stderr } = await failedStart(platform);
  expect(code).toBe(1);
  expect(
    stderr
      .trim()
      .split('\n')
      .map((line) => line.split(':')[1]?.trim()),
  ).toEqual(['PGFLEET_API_PORT', 'PGFLEET_VOLUME', 'PGFLEET_REGIONS']);
});

test.runIf(othersMayRun)('a directory that cannot be written is one clear line', async () => {
  await using platform = await Platform.prepare({ user: ORDINARY });
  mkdirSync(platform.dataDir, { mode: 0o755 });
  const { code, stderr } = await failedStart(platform);
  expect(code).toBe(1);
  expect(stderr).toBe(
    `pgfleet: cannot write to the data directory ${platform.dataDir} (EACCES): make it writable for this user or set PGFLEET_DATA_DIR to another one\n`,
  );
});

test.runIf(othersMayRun)('an ordinary user runs everything', async () => {
  await using platform = await startPlatform({
    user: ORDINARY,
    env: { HOME: '/nonexistent' },
    expectedLogs: [/the volume copies every byte/, /volume created/],
  });
  expect(platform.output.stdout).toContain('volume copy');
  const created = await platform.createProject();
  await using client = await connectClient(created.connection_uris[0]!.connection_uri);
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});
