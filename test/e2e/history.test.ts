import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type {
  Branch,
  BranchOperations,
  BranchSchemaResponse,
  CreatedBranch,
  CreatedProject,
  CreatedSnapshot,
  Endpoint,
  RestoredSnapshot,
  Role,
  SchemaComparison,
  Snapshot,
} from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { connectClient, hasPsql, psql, startPlatform } from '@pgfleet/testkit';
import type { ApiResponse, Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inControlDatabase } from './control-database.ts';
import { NeonCommand } from './neon-command.ts';

const run = promisify(execFile);

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

/** A project of a user, its default branch and what is done to it. */
class Tenant {
  readonly uri: string;
  readonly branch: Branch;
  readonly endpoint: Endpoint;
  readonly #created: CreatedProject;

  private constructor(created: CreatedProject) {
    this.#created = created;
    this.uri = created.connection_uris[0]!.connection_uri;
    this.branch = created.branch;
    this.endpoint = created.endpoints[0]!;
  }

  /** With a table `notes` that holds one row, `one`. */
  static async open(project: object = {}): Promise<Tenant> {
    const tenant = new Tenant(await platform.createProject(project));
    await sql(tenant.uri, `create table notes (text text); insert into notes values ('one')`);
    await tenant.settle();
    return tenant;
  }

  get id(): string {
    return this.#created.project.id;
  }

  async settle(): Promise<void> {
    const operations = await platform.settle(this.id);
    const failed = operations.filter(({ status }) => status !== 'finished');
    if (failed.length > 0) throw new Error(`${JSON.stringify(failed)}\n${platform.describe()}`);
  }

  call<Body>(method: string, path: string, body?: object): Promise<ApiResponse<Body>> {
    return platform.api<Body>(method, `/projects/${this.id}${path}`, body);
  }

  /** Makes a call that has to succeed and waits for its operations. */
  async do<Body>(method: string, path: string, body?: object): Promise<Body> {
    const response = await this.call<Body>(method, path, body);
    if (response.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(response)}`);
    await this.settle();
    return response.body;
  }

  createBranch(branch: object = {}, endpoints: readonly object[] = [{ type: 'read_write' }]) {
    return this.do<CreatedBranch>('POST', '/branches', { branch, endpoints });
  }

  async branches(): Promise<readonly Branch[]> {
    const { body } = await this.call<{ branches: readonly Branch[] }>('GET', '/branches');
    return body.branches;
  }

  async suspend(): Promise<void> {
    await this.do('POST', `/endpoints/${this.endpoint.id}/suspend`);
  }
}

async function sql(uri: string, text: string): Promise<unknown[]> {
  await using client = await connectClient(uri);
  const { rows } = await client.query<{ value: unknown }>(text);
  return Array.isArray(rows) ? rows.map(({ value }) => value) : [];
}

const notes = (uri: string) => sql(uri, 'select text as value from notes order by 1');
const add = (uri: string, note: string) => sql(uri, `insert into notes values ('${note}')`);
const uriOf = (created: CreatedBranch) => created.connection_uris![0]!.connection_uri;
const passwordOf = (uri: string) => new URL(uri).password;

/** A moment behind all that was committed and before what follows, in whole milliseconds. */
async function moment(uri: string): Promise<string> {
  const [value] = await sql(
    uri,
    `select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as value
      from pg_sleep(0.002)`,
  );
  return String(value);
}

async function lsnOf(uri: string): Promise<string> {
  return String((await sql(uri, 'select pg_current_wal_insert_lsn()::text as value'))[0]);
}

/** Paths of all that hosts keep of timelines: their data, points of history and records. */
async function dataOfTenants(): Promise<readonly string[]> {
  const names = ['tl-*', 'pt-*', 'wal-*'].flatMap((name) => ['-o', '-name', name]);
  // Records that are being written come and go while they are looked for.
  const where = [join(platform.dataDir, 'hosts'), '-ignore_readdir_race', '-maxdepth', '5'];
  const { stdout } = await run('find', [...where, '(', ...names.slice(1), ')', '-prune', '-print']);
  return stdout.trim().split('\n');
}

test('a branch of a running parent is served at its URI, with the rows and the password', async () => {
  const tenant = await Tenant.open();
  const child = await tenant.createBranch({ name: 'child' });
  expect(await notes(uriOf(child))).toEqual(['one']);
  expect(passwordOf(uriOf(child))).toBe(passwordOf(tenant.uri));
  await add(uriOf(child), 'two');
  expect(await notes(tenant.uri)).toEqual(['one']);
  const grandchild = await tenant.createBranch({ parent_id: child.branch.id });
  expect(await notes(uriOf(grandchild))).toEqual(['one', 'two']);
  expect(grandchild.branch.parent_id).toBe(child.branch.id);
});

test('a sleeping parent sleeps on while it is branched', async () => {
  const tenant = await Tenant.open();
  await tenant.suspend();
  const child = await tenant.createBranch();
  expect(await notes(uriOf(child))).toEqual(['one']);
  const { body } = await tenant.call<{ endpoint: Endpoint }>(
    'GET',
    `/endpoints/${tenant.endpoint.id}`,
  );
  expect(body.endpoint.current_state).toBe('idle');
  expect(await notes(tenant.uri)).toEqual(['one']);
});

test('a branch shows its parent as it was at a time and at an LSN', async () => {
  const tenant = await Tenant.open();
  const [at, lsn] = [await moment(tenant.uri), await lsnOf(tenant.uri)];
  await add(tenant.uri, 'two');
  const byTime = await tenant.createBranch({ parent_timestamp: at });
  const byLsn = await tenant.createBranch({ parent_lsn: lsn });
  expect(await notes(uriOf(byTime))).toEqual(['one']);
  expect(await notes(uriOf(byLsn))).toEqual(['one']);
  expect(await notes(tenant.uri)).toEqual(['one', 'two']);
});

test('a restored branch keeps endpoint, host and password; what it was is kept as its parent', async () => {
  const tenant = await Tenant.open();
  const at = await moment(tenant.uri);
  await add(tenant.uri, 'mistake');
  const { branch } = await tenant.do<BranchOperations>(
    'POST',
    `/branches/${tenant.branch.id}/restore`,
    {
      source_branch_id: tenant.branch.id,
      source_timestamp: at,
      preserve_under_name: 'before',
    },
  );
  expect(branch.id).toBe(tenant.branch.id);
  expect(await notes(tenant.uri)).toEqual(['one']);
  await add(tenant.uri, 'two');
  const before = (await tenant.branches()).find(({ name }) => name === 'before')!;
  const restored = (await tenant.branches()).find(({ id }) => id === tenant.branch.id)!;
  expect(restored).toMatchObject({ name: 'main', parent_id: before.id });
  const opened = await tenant.do<{ endpoint: Endpoint }>('POST', '/endpoints', {
    endpoint: { branch_id: before.id, type: 'read_write' },
  });
  const { body } = await tenant.call<{ uri: string }>(
    'GET',
    `/connection_uri?branch_id=${before.id}&endpoint_id=${opened.endpoint.id}&database_name=neondb&role_name=neondb_owner`,
  );
  expect(await notes(body.uri)).toEqual(['mistake', 'one']);
  expect(passwordOf(body.uri)).toBe(passwordOf(tenant.uri));
});

test('a branch goes back to an LSN of its own', async () => {
  const tenant = await Tenant.open();
  const lsn = await lsnOf(tenant.uri);
  await add(tenant.uri, 'mistake');
  const body = { source_branch_id: tenant.branch.id, source_lsn: lsn, preserve_under_name: 'old' };
  await tenant.do('POST', `/branches/${tenant.branch.id}/restore`, body);
  expect(await notes(tenant.uri)).toEqual(['one']);
});

test('points outside of the window are refused and change nothing', async () => {
  const tenant = await Tenant.open();
  const before = await tenant.branches();
  const restore = (point: object) =>
    tenant.call<{ message: string }>('POST', `/branches/${tenant.branch.id}/restore`, {
      source_branch_id: tenant.branch.id,
      preserve_under_name: 'before',
      ...point,
    });
  for (const point of [
    { source_timestamp: new Date(Date.now() + 3_600_000).toISOString() },
    { source_timestamp: new Date(Date.now() - 3_600_000).toISOString() },
    { source_lsn: 'F/FFFFFF00' },
    { source_lsn: '0/1' },
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- Changes of one branch exclude each other.
    const { status, body } = await restore(point);
    expect({ point, status, body }).toMatchObject({ status: 400 });
    expect(body.message).toContain('point in time is not available');
  }
  expect(await tenant.branches()).toEqual(before);
  expect(await notes(tenant.uri)).toEqual(['one']);
});

test('a branch without data has the tables of its parent and no row', async () => {
  const tenant = await Tenant.open();
  const child = await tenant.createBranch({ init_source: 'schema-only' });
  expect(await notes(uriOf(child))).toEqual([]);
  await add(uriOf(child), 'two');
  expect(await notes(tenant.uri)).toEqual(['one']);
  expect(child.branch).toMatchObject({ init_source: 'schema-only' });
});

test('a child of a protected branch has a password of its own', async () => {
  const tenant = await Tenant.open();
  await tenant.do('PATCH', `/branches/${tenant.branch.id}`, { branch: { protected: true } });
  const child = await tenant.createBranch();
  expect(passwordOf(uriOf(child))).not.toBe(passwordOf(tenant.uri));
  expect(await notes(uriOf(child))).toEqual(['one']);
  const mixed = new URL(uriOf(child));
  mixed.password = passwordOf(tenant.uri);
  await expect(connectClient(mixed.href)).rejects.toMatchObject({ code: '28P01' });
  expect(await notes(tenant.uri)).toEqual(['one']);
});

test('a deleted branch is recovered with its endpoint; an expired one is deleted', async () => {
  const tenant = await Tenant.open();
  const child = await tenant.createBranch();
  const path = `/branches/${child.branch.id}`;
  await add(uriOf(child), 'two');
  await tenant.do('DELETE', path);
  await expect(connectClient(uriOf(child))).rejects.toThrow();
  expect(await tenant.call('GET', path)).toMatchObject({ status: 404 });
  await tenant.do('POST', `${path}/recover`);
  expect(await notes(uriOf(child))).toEqual(['one', 'two']);
  await tenant.do('PATCH', path, {
    branch: { expires_at: new Date(Date.now() + 2_000).toISOString() },
  });
  await waitUntil(async () => (await tenant.call('GET', path)).status === 404, {
    what: 'the branch to expire',
    timeoutMs: 60_000,
  });
  await tenant.settle();
});

test('a snapshot becomes a branch of its own, or takes the place of its source', async () => {
  const tenant = await Tenant.open();
  const { snapshot } = await tenant.do<CreatedSnapshot>(
    'POST',
    `/branches/${tenant.branch.id}/snapshot?name=gold`,
  );
  await add(tenant.uri, 'two');
  const beside = await tenant.do<RestoredSnapshot>('POST', `/snapshots/${snapshot.id}/restore`, {
    name: 'look',
  });
  const child = await tenant.createBranch({ parent_id: beside.branch.id });
  expect(await notes(uriOf(child))).toEqual(['one']);
  const inPlace = await tenant.do<RestoredSnapshot>('POST', `/snapshots/${snapshot.id}/restore`, {
    target_branch_id: tenant.branch.id,
    finalize_restore: true,
  });
  expect(inPlace.branch).toMatchObject({ name: 'main', default: true });
  expect(inPlace.endpoints).toMatchObject([{ id: tenant.endpoint.id }]);
  expect(await notes(tenant.uri)).toEqual(['one']);
  await add(tenant.uri, 'three');
  expect(await notes(tenant.uri)).toEqual(['one', 'three']);
});

test('a reset password counts at once, awake and asleep, and ends what the old one opened', async () => {
  const tenant = await Tenant.open();
  const path = `/branches/${tenant.branch.id}/roles/neondb_owner/reset_password`;
  const reset = async () => {
    const { role } = await tenant.do<{ role: Role }>('POST', path);
    const renewed = new URL(tenant.uri);
    renewed.password = role.password!;
    return renewed.href;
  };
  await using session = await connectClient(tenant.uri);
  const awake = await reset();
  await expect(session.query('select 1')).rejects.toThrow();
  await expect(connectClient(tenant.uri)).rejects.toMatchObject({ code: '28P01' });
  expect(await notes(awake)).toEqual(['one']);
  await tenant.suspend();
  const asleep = await reset();
  const { body } = await tenant.call<{ endpoint: Endpoint }>(
    'GET',
    `/endpoints/${tenant.endpoint.id}`,
  );
  expect(body.endpoint.current_state).toBe('idle');
  await expect(connectClient(awake)).rejects.toMatchObject({ code: '28P01' });
  expect(await notes(asleep)).toEqual(['one']);
});

test('branches and restores have the roles and databases of their point', async () => {
  const tenant = await Tenant.open();
  const main = `/branches/${tenant.branch.id}`;
  await tenant.do('POST', `${main}/roles`, { role: { name: 'early' } });
  await tenant.do('POST', `${main}/databases`, { database: { name: 'shop', owner_name: 'early' } });
  const source_timestamp = await moment(tenant.uri);
  const store = { name: 'store', owner_name: 'neondb_owner' };
  await tenant.do('PATCH', `${main}/databases/shop`, { database: store });
  await tenant.do('DELETE', `${main}/roles/early`);
  await tenant.do('POST', `${main}/roles`, { role: { name: 'late' } });

  const rolesIn = (uri: string) =>
    sql(uri, `select rolname as value from pg_roles where rolname in ('early', 'late') order by 1`);
  const databasesIn = (uri: string) =>
    sql(uri, `select datname as value from pg_database where datname ~ '^s' order by 1`);
  const listed = async (branchId: string, kind: 'roles' | 'databases') => {
    const { body } = await tenant.call<Record<string, { name: string }[]>>(
      'GET',
      `/branches/${branchId}/${kind}`,
    );
    return body[kind]!.map(({ name }) => name);
  };
  const child = await tenant.createBranch({ parent_timestamp: source_timestamp });
  const place = `branch_id=${child.branch.id}&endpoint_id=${child.endpoints[0]!.id}`;
  const { body } = await tenant.call<{ uri: string }>(
    'GET',
    `/connection_uri?${place}&database_name=neondb&role_name=neondb_owner`,
  );
  expect(await rolesIn(tenant.uri)).toEqual(['late']);
  expect(await databasesIn(tenant.uri)).toEqual(['store']);
  await tenant.do('POST', `${main}/restore`, {
    source_branch_id: tenant.branch.id,
    source_timestamp,
    preserve_under_name: 'before',
  });
  for (const [id, uri] of [
    [child.branch.id, body.uri],
    [tenant.branch.id, tenant.uri],
  ] as const) {
    expect(await rolesIn(uri)).toEqual(['early']);
    expect(await databasesIn(uri)).toEqual(['shop']);
    expect(await listed(id, 'roles')).toEqual(['early', 'neondb_owner']);
    expect(await listed(id, 'databases')).toEqual(['neondb', 'shop']);
  }
  const before = (await tenant.branches()).find(({ name }) => name === 'before')!;
  expect(await listed(before.id, 'roles')).toEqual(['late', 'neondb_owner']);
  expect(await listed(before.id, 'databases')).toEqual(['neondb', 'store']);
});

test('a password that was changed by SQL outlives restores', async () => {
  const tenant = await Tenant.open();
  const restore = `/branches/${tenant.branch.id}/restore`;
  const own = { source_branch_id: tenant.branch.id, preserve_under_name: 'before' };
  const point = { source_timestamp: await moment(tenant.uri) };
  await tenant.do('POST', `/branches/${tenant.branch.id}/snapshot?name=gold`);
  await sql(tenant.uri, `alter role neondb_owner password 'of one’s own'`);
  const changed = new URL(tenant.uri);
  changed.password = encodeURIComponent('of one’s own');
  await tenant.do('POST', restore, { ...own, ...point });
  expect(await notes(changed.href)).toEqual(['one']);
  await expect(connectClient(tenant.uri)).rejects.toMatchObject({ code: '28P01' });

  const snapshots = (...args: readonly string[]) =>
    neon.json('snapshots', ...args, '--project-id', tenant.id);
  await snapshots('restore', 'gold', '--target-branch', 'main', '--finalize');
  await tenant.settle();
  expect(await notes(changed.href)).toEqual(['one']);
  await expect(connectClient(tenant.uri)).rejects.toMatchObject({ code: '28P01' });
});

test('a schedule takes snapshots when they are due, and those expire', async () => {
  const tenant = await Tenant.open();
  const path = `/branches/${tenant.branch.id}/backup_schedule`;
  await tenant.do('PUT', path, { schedule: [{ frequency: 'daily', retention_seconds: 3600 }] });
  const { id } = tenant.branch;
  const due = `update backup_schedules set next_at = date_trunc('second', now()) where branch_id = $1`;
  await inControlDatabase(platform, due, [id]);
  const list = async () => {
    const { body } = await tenant.call<{ snapshots: readonly Snapshot[] }>('GET', '/snapshots');
    return body.snapshots;
  };
  const [taken] = await waitUntil(async () => ((await list()).length > 0 ? list() : undefined), {
    what: 'the schedule to fire',
    timeoutMs: 60_000,
  });
  expect(taken).toMatchObject({ source_branch_id: id, manual: false });
  await tenant.settle();
  const { branch } = await tenant.do<RestoredSnapshot>('POST', `/snapshots/${taken!.id}/restore`);
  expect(uriOf(await tenant.createBranch({ parent_id: branch.id }))).toBeDefined();
  const over = `update snapshots set expires_at = now() where id = $1`;
  await inControlDatabase(platform, over, [taken!.id]);
  await waitUntil(async () => (await list()).length === 0, {
    what: 'the snapshot to expire',
    timeoutMs: 60_000,
  });
  await tenant.settle();
});

test('schemas are compared between branches and over time', async () => {
  const tenant = await Tenant.open();
  const child = await tenant.createBranch({ name: 'child' });
  const at = await moment(uriOf(child));
  await sql(uriOf(child), 'alter table notes add column author text');
  const compare = `/branches/${child.branch.id}/compare_schema?db_name=neondb`;
  const { diff } = await tenant.do<SchemaComparison>('GET', compare);
  expect(diff).toMatch(/^\+\s+author text$/m);
  const past = `${compare}&timestamp=${encodeURIComponent(at)}`;
  expect(await tenant.do<SchemaComparison>('GET', past)).toEqual({ diff: '' });
  const { sql: definitions } = await tenant.do<BranchSchemaResponse>(
    'GET',
    `/branches/${child.branch.id}/schema?db_name=neondb`,
  );
  expect(definitions).toContain('CREATE TABLE public.notes');
  const tables = `/branches/${child.branch.id}/schema?db_name=neondb&format=json`;
  const { json } = await tenant.do<BranchSchemaResponse>('GET', tables);
  expect(json?.tables).toMatchObject([
    { schema: 'public', name: 'notes', columns: [{ name: 'text' }, { name: 'author' }] },
  ]);
  const place = ['--project-id', tenant.id, '--db', 'neondb'];
  const printed = await neon.run('branches', 'schema-diff', 'main', 'child', ...place);
  expect(printed).toContain('author text');
  const here = ['--project-id', tenant.id, '--branch', 'child', '--db', 'neondb'];
  expect(await neon.run('diff', 'main', ...here)).toContain('author text');
});

test('the neon command leads a branch through its life', async () => {
  const tenant = await Tenant.open();
  const branches = <Printed>(...args: readonly string[]) =>
    neon.json<Printed>('branches', ...args, '--project-id', tenant.id);
  const made = await branches<CreatedBranch>('create', '--name', 'dev');
  await tenant.settle();
  const listed = await branches<readonly Branch[]>('list');
  expect(listed.map(({ name }) => name).toSorted()).toEqual(['dev', 'main']);
  const uri = await neon.run('connection-string', 'dev', '--project-id', tenant.id);
  const local = new URL(made.connection_uris![0]!.connection_uri);
  expect(passwordOf(uri)).toBe(local.password);
  await add(local.href, 'two');

  await branches('rename', 'dev', 'work');
  const tomorrow = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 19)}Z`;
  await branches('set-expiration', 'work', '--expires-at', tomorrow);
  expect(await branches('get', 'work')).toMatchObject({ expires_at: tomorrow });
  await branches('set-expiration', 'work');
  await branches('set-default', 'work');
  expect(await branches('get', 'work')).toMatchObject({ name: 'work', default: true });
  await branches('set-default', 'main');

  await branches('reset', 'work', '--parent', '--preserve-under-name', 'old-work');
  await tenant.settle();
  expect(await notes(local.href)).toEqual(['one']);
  const at = await moment(local.href);
  await add(local.href, 'three');
  await branches('restore', 'work', `^self@${at}`, '--preserve-under-name', 'older-work');
  await tenant.settle();
  expect(await notes(local.href)).toEqual(['one']);
  await branches('restore', 'work', 'old-work', '--preserve-under-name', 'oldest-work');
  await tenant.settle();
  expect(await notes(local.href)).toEqual(['one', 'two']);
  await branches('delete', 'work');
  await tenant.settle();
  const left = await branches<readonly Branch[]>('list');
  expect(left.map(({ name }) => name)).not.toContain('work');
});

test('the neon command takes snapshots and restores them', async () => {
  const tenant = await Tenant.open();
  const snapshots = <Printed>(...args: readonly string[]) =>
    neon.json<Printed>('snapshots', ...args, '--project-id', tenant.id);
  await snapshots('create', '--branch', 'main', '--name', 'gold');
  await tenant.settle();
  await add(tenant.uri, 'two');
  expect(await snapshots('list')).toMatchObject([{ name: 'gold' }]);
  await snapshots('restore', 'gold', '--name', 'look', '--target-branch', 'main');
  await tenant.settle();
  expect(await notes(tenant.uri)).toEqual(['one', 'two']);
  await snapshots('finalize', 'look', '--name', 'replaced');
  await tenant.settle();
  expect(await notes(tenant.uri)).toEqual(['one']);
  const names = (await tenant.branches()).map(({ name }) => name);
  expect(names.toSorted()).toEqual(['main', 'replaced']);
  await snapshots('delete', 'gold');
  await tenant.settle();
  expect(await snapshots('list')).toEqual([]);
  expect(await notes(tenant.uri)).toEqual(['one']);
});

test('a deleted project leaves no data of its branches, snapshots and history', async () => {
  const before = await dataOfTenants();
  const tenant = await Tenant.open();
  const child = await tenant.createBranch();
  await tenant.do('POST', `/branches/${tenant.branch.id}/snapshot?name=gold`);
  await tenant.do('POST', `/branches/${tenant.branch.id}/restore`, {
    source_branch_id: child.branch.id,
    preserve_under_name: 'before',
  });
  expect((await dataOfTenants()).length).toBeGreaterThan(before.length);
  expect((await platform.api('DELETE', `/projects/${tenant.id}?hard_delete=true`)).status).toBe(
    200,
  );
  await waitUntil(async () => (await dataOfTenants()).every((name) => before.includes(name)), {
    what: 'the data of the project to be gone',
    timeoutMs: 60_000,
  });
});

test.skipIf(!hasPsql)(
  'what neon connection-string prints of the past is shown by psql',
  async () => {
    const tenant = await Tenant.open();
    const [at, lsn] = [await moment(tenant.uri), await lsnOf(tenant.uri)];
    await add(tenant.uri, 'two');
    const address = { PGHOSTADDR: '127.0.0.1', PGPORT: String(platform.pgPort) };
    for (const point of [at, lsn]) {
      // oxlint-disable-next-line no-await-in-loop -- One machine.
      const uri = await neon.run('connection-string', `main@${point}`, '--project-id', tenant.id);
      // oxlint-disable-next-line no-await-in-loop -- One machine.
      expect(await psql(uri, 'select text from notes', address)).toMatchObject({ stdout: 'one' });
      // oxlint-disable-next-line no-await-in-loop -- One machine.
      const { stderr } = await psql(uri, `insert into notes values ('three')`, address);
      expect(stderr).toContain('read-only transaction');
    }
    expect(await notes(tenant.uri)).toEqual(['one', 'two']);
  },
);
