import type { Endpoint, Operation, Project, Snapshot } from '@pgfleet/contract';
import { connectClient, hasPsql, psql, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NeonCommand, psqlAddress } from './neon-command.ts';

let platform: Platform;
let neon: NeonCommand;
beforeAll(async () => {
  platform = await startPlatform();
  neon = new NeonCommand(platform);
});
afterAll(async () => {
  neon[Symbol.dispose]();
  await platform[Symbol.asyncDispose]();
});

interface CreatedByCommand {
  readonly project: { readonly id: string; readonly name: string };
  readonly connection_uris: readonly { readonly connection_uri: string }[];
}

test('the neon command creates, lists, gets and deletes projects', async () => {
  const { project } = await neon.json<CreatedByCommand>('projects', 'create', '--name', 'by-cli');
  expect(project.name).toBe('by-cli');

  const list = await neon.json<readonly { id: string }[] | { projects: readonly { id: string }[] }>(
    'projects',
    'list',
  );
  const listed = 'projects' in list ? list.projects : list;
  expect(listed.map(({ id }) => id)).toContain(project.id);

  const got = await neon.json<{ id: string }>('projects', 'get', project.id);
  expect(got.id).toBe(project.id);

  await neon.run('projects', 'delete', project.id);
  await expect(neon.run('projects', 'get', project.id)).rejects.toThrow(/not found/i);
});

test.skipIf(!hasPsql)('what neon connection-string prints works in psql', async () => {
  const created = await platform.createProject();
  const address = psqlAddress(platform);
  for (const form of [[], ['--pooled'], ['main', '--prisma', '--database-name', 'neondb']]) {
    const uri = await neon.run('connection-string', ...form, '--project-id', created.project.id);
    expect(uri.includes('-pooler.')).toBe(form.includes('--pooled'));
    // What Prisma wants in the URI is for Prisma.
    const forPsql = uri.replace(/connect_timeout=30&pool_timeout=30&(pgbouncer=true&)?/, '');
    expect(await psql(forPsql, 'select 40 + 2', address)).toMatchObject({ stdout: '42' });
  }
});

test('the neon command renames a project, sizes its computes and lists what was done', async () => {
  const { project } = await platform.createProject({ name: 'before' });
  await platform.settle(project.id);
  const args = ['--name', 'after', '--cu', '0.5-2', '--block-vpc-connections=false'];
  const updated = await neon.json<Project>('projects', 'update', project.id, ...args);
  expect(updated).toMatchObject({
    name: 'after',
    default_endpoint_settings: { autoscaling_limit_min_cu: 0.5, autoscaling_limit_max_cu: 2 },
    settings: { block_vpc_connections: false },
  });
  const operations = await neon.json<readonly Operation[]>(
    'operations',
    'list',
    '--project-id',
    project.id,
  );
  const done = operations.map(({ action, status }) => `${action} ${status}`);
  expect(done.slice(-2)).toEqual(['start_compute finished', 'create_timeline finished']);
});

test('the neon command adds computes to a branch: one that writes, and others that read', async () => {
  const { project } = await platform.createProject();
  const ofProject = ['--project-id', project.id];
  const branches = <Printed>(...args: readonly string[]) =>
    neon.json<Printed>('branches', ...args, ...ofProject);
  await branches('create', '--name', 'bare', '--no-compute');
  const size = ['--cu', '1-2'];
  const added = await branches<Endpoint>('add-compute', 'bare', '--type', 'read_write', ...size);
  expect(added).toMatchObject({ autoscaling_limit_min_cu: 1, autoscaling_limit_max_cu: 2 });
  const reader = await branches<Endpoint>('add-compute', 'bare');
  expect(reader).toMatchObject({ type: 'read_only', branch_id: added.branch_id });
  if (!hasPsql) return;
  const uri = await neon.run(
    'connection-string',
    'bare',
    '--endpoint-type',
    'read_only',
    ...ofProject,
  );
  expect(uri).toContain(reader.id);
  const answer = await psql(uri, 'select pg_is_in_recovery()', psqlAddress(platform));
  expect(answer).toMatchObject({ stdout: 't' });
});

test('a linked folder knows its project and branch, and pulls URIs that are served', async () => {
  using linked = new NeonCommand(platform);
  const { project } = await platform.createProject();
  await linked.run('set-context', '--project-id', project.id);
  expect(await linked.run('branches', 'list')).toContain('main');
  await linked.run('link', '--project-id', project.id, '--yes', '--no-env-pull');
  await linked.run('checkout', 'dev', '--create');
  expect(linked.readFile('.neon')).toContain('"branch": "dev"');
  expect(await linked.run('status')).toContain('"name":"dev"');
  const pulled = linked.readFile('.env.local');
  for (const name of ['DATABASE_URL', 'DATABASE_URL_UNPOOLED']) {
    const uri = new RegExp(`^${name}="(.*)"$`, 'm').exec(pulled)?.[1] ?? '';
    await using client = await connectClient(uri);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  }
});

test('the neon command gets, renames and schedules snapshots', async () => {
  const { project } = await platform.createProject();
  const snapshots = <Printed>(...args: readonly string[]) =>
    neon.json<Printed>('snapshots', ...args, '--project-id', project.id);
  const made = await snapshots<Snapshot>('create', '--branch', 'main', '--name', 'first');
  expect(await snapshots('get', 'first')).toMatchObject({ id: made.id, name: 'first' });
  expect(await snapshots('update', 'first', '--name', 'gold')).toMatchObject({ name: 'gold' });
  const daily = ['--frequency', 'daily', '--hour', '3', '--retention', '7200'];
  await snapshots('schedule', 'set', '--branch', 'main', ...daily);
  expect(await snapshots('schedule', 'get', '--branch', 'main')).toEqual([
    { frequency: 'daily', hour: 3, retention_seconds: 7200 },
  ]);
});

test('the neon command makes a key of a person, which works until it is revoked', async () => {
  const made = await neon.json<{ id: number; key: string }>('api-keys', 'create', '--name', 'mine');
  using other = new NeonCommand(platform, made.key);
  expect(await other.json('me')).toMatchObject({ login: 'admin' });
  const keys = await neon.json<readonly { name: string }[]>('api-keys', 'list');
  expect(keys.map(({ name }) => name)).toContain('mine');
  await neon.run('api-keys', 'revoke', String(made.id));
  await expect(other.run('me')).rejects.toThrow();
});

test('the neon command hands on any request, and shows the answer as it came', async () => {
  const { project } = await platform.createProject();
  const path = `/projects/${project.id}`;
  const got = await neon.run('api', path, '--include', '--header', 'X-Request-ID: mine');
  expect(got).toContain('HTTP 200');
  expect(got).toContain('x-neon-ret-request-id: mine');
  const made = await neon.run('api', `${path}/branches`, '--field', 'branch.name=by-hand');
  expect(JSON.parse(made)).toMatchObject({ branch: { name: 'by-hand' } });
  const listed = await neon.run('api', `${path}/branches`, '--query', 'search=by-h');
  expect((JSON.parse(listed) as { branches: unknown[] }).branches).toHaveLength(1);
  await expect(neon.run('api', '/projects/none-such-00000000')).rejects.toThrow('not found');
});

test('what pgfleet has not is said by the neon command in a sentence', async () => {
  const { project } = await platform.createProject();
  const here = ['--project-id', project.id];
  await expect(neon.run('buckets', 'list', ...here)).rejects.toThrow('no object storage');
  await expect(neon.run('functions', 'list', ...here)).rejects.toThrow('runs no functions');
  expect(await neon.run('neon-auth', 'status', ...here)).toContain('not configured');
});

interface Named {
  readonly name: string;
}

test.skipIf(!hasPsql)(
  'roles and databases of the neon command are there until it deletes them',
  async () => {
    const { project } = await neon.json<CreatedByCommand>('projects', 'create', '--name', 'shop');
    const of = ['--project-id', project.id];
    const names = async (kind: string) =>
      (await neon.json<readonly Named[]>(kind, 'list', ...of)).map(({ name }) => name);
    const address = psqlAddress(platform);
    const who = `select current_user || ' in ' || current_database()`;

    await neon.run('roles', 'create', '--name', 'app', ...of);
    await neon.run('databases', 'create', '--name', 'shop', '--owner-name', 'app', ...of);
    expect(await names('roles')).toEqual(['app', 'neondb_owner']);
    expect(await names('databases')).toEqual(['neondb', 'shop']);
    const place = [...of, '--role-name', 'app', '--database-name', 'shop'];
    const uri = await neon.run('connection-string', ...place);
    const pooled = await neon.run('connection-string', '--pooled', ...place);
    expect(pooled).toContain('-pooler.');
    await platform.settle(project.id);
    for (const each of [uri, pooled]) {
      expect(await psql(each, who, address)).toMatchObject({ code: 0, stdout: 'app in shop' });
    }
    const byCommand = await neon.run('psql', ...place, '--', '-X', '-A', '-t', '-c', who);
    expect(byCommand).toContain('app in shop');

    await expect(neon.run('roles', 'delete', 'app', ...of)).rejects.toThrow(/owns a database/);
    await neon.run('databases', 'delete', 'shop', ...of);
    await neon.run('roles', 'delete', 'app', ...of);
    await platform.settle(project.id);
    expect(await names('roles')).toEqual(['neondb_owner']);
    expect(await names('databases')).toEqual(['neondb']);
    expect(await psql(uri, who, address)).toMatchObject({
      stderr: expect.stringContaining('password authentication failed') as string,
    });
    const main = await neon.run('connection-string', ...of);
    const left = `select count(*) from pg_database where datname = 'shop'`;
    expect(await psql(main, left, address)).toMatchObject({ code: 0, stdout: '0' });
  },
);

test.skipIf(!hasPsql)('neon ip-allow says who gets in', async () => {
  const { project } = await neon.json<CreatedByCommand>('projects', 'create', '--name', 'allowed');
  const of = ['--project-id', project.id];
  const uri = await neon.run('connection-string', ...of);
  const enter = () => psql(uri, 'select 1', psqlAddress(platform));
  expect(await enter()).toMatchObject({ code: 0 });
  await neon.run('ip-allow', 'add', '203.0.113.7', '198.51.100.0/24', ...of);
  await neon.run('ip-allow', 'remove', '203.0.113.7', ...of);
  expect(await neon.run('ip-allow', 'list', ...of)).toContain('198.51.100.0/24');
  await platform.settle(project.id);
  expect(await enter()).toMatchObject({ stderr: expect.stringContaining('127.0.0.1') as string });
  await neon.run('ip-allow', 'reset', ...of);
  await platform.settle(project.id);
  expect(await enter()).toMatchObject({ code: 0, stdout: '1' });
});
