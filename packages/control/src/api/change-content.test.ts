import { PgfleetError } from '@pgfleet/contract';
import type {
  Branch,
  CreatedBranch,
  Database,
  Operation,
  Role,
  TimelineContent,
  TimelineId,
} from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
let control: TestControl;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres, { patienceMs: 300 });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

interface RoleAnswer {
  readonly role: Role;
  readonly operations: readonly Operation[];
}

interface DatabaseAnswer {
  readonly database: Database;
  readonly operations: readonly Operation[];
}

async function createReady(project: object = {}) {
  const created = await control.createProject(project);
  const { id } = created.project;
  await control.settled(id);
  return { ...created, ...on(id, created.branch), id, main: created.branch };
}

/** What is done to the roles and databases of a branch. */
function on(projectId: string, branch: Branch) {
  const path = `/projects/${projectId}/branches/${branch.id}`;
  const settled = () => control.settled(projectId);
  const createRole = (role: object) =>
    control.call<RoleAnswer>('POST', `${path}/roles`, { payload: { role } });
  const createDatabase = (database: object) =>
    control.call<DatabaseAnswer>('POST', `${path}/databases`, { payload: { database } });
  const changeDatabase = (name: string, database: object) =>
    control.call<DatabaseAnswer>('PATCH', `${path}/databases/${name}`, { payload: { database } });
  const listed = async () => {
    const { body } = await control.call<{ roles: Role[] }>('GET', `${path}/roles`);
    const { body: more } = await control.call<{ databases: Database[] }>(
      'GET',
      `${path}/databases`,
    );
    return {
      roles: body.roles.map(({ name }) => name),
      databases: more.databases.map(({ name, owner_name: owner }) => `${name} of ${owner}`),
    };
  };
  return { path, settled, createRole, createDatabase, changeDatabase, listed };
}

async function timelineOf(branch: Pick<Branch, 'id'>): Promise<TimelineId> {
  const row = await control.db
    .selectFrom('branches')
    .select('timeline_id')
    .where('id', '=', branch.id)
    .executeTakeFirstOrThrow();
  return row.timeline_id;
}

const contentOf = async (branch: Pick<Branch, 'id'>) =>
  control.host.contents.get(await timelineOf(branch));

const owner = { name: 'neondb_owner', verifier: 'SCRAM-SHA-256$of-then', canLogin: true };
const neondb = { name: 'neondb', ownerName: 'neondb_owner' };

test('a new role is shown with its password once, and its host is told the verifier', async () => {
  const { createRole, path, main, endpoints, settled, listed } = await createReady();
  const { status, body } = await createRole({ name: 'app' });
  expect(status).toBe(201);
  expect(body.role).toEqual({
    branch_id: main.id,
    name: 'app',
    password: expect.stringMatching(/^npg_\w+$/) as string,
    protected: false,
    created_at: expect.any(String) as string,
    updated_at: expect.any(String) as string,
  });
  expect(body.operations).toMatchObject([
    { action: 'apply_config', status: 'running', endpoint_id: endpoints[0]!.id },
  ]);
  await settled();
  const role = (await contentOf(main))?.roles.find(({ name }) => name === 'app');
  expect(role?.verifier).toMatch(/^SCRAM-SHA-256\$4096:/);
  expect(await listed()).toMatchObject({ roles: ['app', 'neondb_owner'] });
  expect((await control.call('GET', `${path}/roles/app`)).body).not.toHaveProperty('role.password');
  const revealed = await control.call('GET', `${path}/roles/app/reveal_password`);
  expect(revealed.body).toEqual({ password: body.role.password });
  const { rows } = await control.database.db
    .selectFrom('operations')
    .select('changes')
    .where('branch_id', '=', main.id)
    .execute()
    .then((all) => ({ rows: JSON.stringify(all) }));
  expect(rows).not.toContain(body.role.password);
});

test('a role that is not to log in has no password', async () => {
  const { createRole, path, main, settled, id } = await createReady();
  const { body } = await createRole({ name: 'group', no_login: true });
  expect(body.role).toMatchObject({ name: 'group', authentication_method: 'no_login' });
  expect(body.role).not.toHaveProperty('password');
  await settled();
  expect((await contentOf(main))?.roles).toContainEqual({
    name: 'group',
    verifier: null,
    canLogin: false,
  });
  for (const [method, action] of [
    ['GET', 'reveal_password'],
    ['POST', 'reset_password'],
  ] as const) {
    const answer = await control.call(method, `${path}/roles/group/${action}`);
    expect(answer).toMatchObject({ status: 422, body: { message: /cannot log in/ } });
  }
  await control.call('PATCH', path, { payload: { branch: { protected: true } } });
  const child = await control.call<CreatedBranch>('POST', `/projects/${id}/branches`);
  expect(child.body.roles).toMatchObject([
    { name: 'group', authentication_method: 'no_login' },
    { name: 'neondb_owner', password: expect.any(String) as string },
  ]);
  await settled();
  expect(await on(id, child.body.branch).listed()).toMatchObject({
    roles: ['group', 'neondb_owner'],
  });
});

test('names of roles that Postgres or pgfleet needs, too long or taken ones are refused', async () => {
  const { createRole, listed } = await createReady();
  for (const name of ['cloud_admin', 'neon_superuser', 'pg_me', 'public', '', 'ä'.repeat(32)]) {
    expect(await createRole({ name })).toMatchObject({ status: 400 });
  }
  expect(await createRole({ name: 'neondb_owner' })).toMatchObject({
    status: 409,
    body: { message: 'role already exists; role_name:"neondb_owner"' },
  });
  expect(await listed()).toMatchObject({ roles: ['neondb_owner'] });
});

test('a reset password replaces the one before, for whoever reveals it and on the host', async () => {
  const { path, main, settled, roles } = await createReady();
  const before = (await contentOf(main))?.roles;
  const reset = await control.call<RoleAnswer>('POST', `${path}/roles/neondb_owner/reset_password`);
  expect(reset).toMatchObject({
    status: 200,
    body: { operations: [{ action: 'apply_config', status: 'running' }] },
  });
  const { password } = reset.body.role;
  expect(password).not.toBe(roles[0]!.password);
  const revealed = await control.call('GET', `${path}/roles/neondb_owner/reveal_password`);
  expect(revealed.body).toEqual({ password });
  await settled();
  expect(control.host.calls.at(-1)).toMatch(/^content tl-.* set_password neondb_owner$/);
  expect((await contentOf(main))?.roles).not.toEqual(before);
  const unknown = await control.call('POST', `${path}/roles/nobody/reset_password`);
  expect(unknown).toMatchObject({ status: 404, body: { message: 'role not found' } });
});

test('passwords of a project that stores none are shown when they are made and never again', async () => {
  const { path, createRole, settled } = await createReady({ store_passwords: false });
  const { body } = await createRole({ name: 'app' });
  expect(body.role.password).toMatch(/^npg_/);
  const revealed = await control.call('GET', `${path}/roles/app/reveal_password`);
  expect(revealed.status).toBe(412);
  await settled();
});

test('a role is deleted unless it owns a database; one that is gone is no error', async () => {
  const { path, main, createRole, createDatabase, changeDatabase, settled, listed } =
    await createReady();
  await createRole({ name: 'app' });
  await createDatabase({ name: 'shop', owner_name: 'app' });
  const remove = () => control.call<RoleAnswer>('DELETE', `${path}/roles/app`);
  expect(await remove()).toMatchObject({
    status: 422,
    body: { message: 'a role that owns a database cannot be deleted; database_name:"shop"' },
  });
  await changeDatabase('shop', { owner_name: 'neondb_owner' });
  const removed = await remove();
  expect(removed).toMatchObject({ status: 200, body: { role: { name: 'app' } } });
  expect(removed.body.operations).toMatchObject([{ action: 'apply_config' }]);
  expect(await remove()).toEqual(expect.objectContaining({ status: 204, body: undefined }));
  await settled();
  expect((await contentOf(main))?.roles.map(({ name }) => name)).toEqual(['neondb_owner']);
  expect(await listed()).toEqual({
    roles: ['neondb_owner'],
    databases: ['neondb of neondb_owner', 'shop of neondb_owner'],
  });
});

test('a database is made, renamed, given away and deleted', async () => {
  const { path, main, createRole, createDatabase, changeDatabase, settled, listed } =
    await createReady();
  await createRole({ name: 'app' });
  const { status, body } = await createDatabase({ name: 'shop', owner_name: 'neondb_owner' });
  expect({ status, database: body.database }).toMatchObject({
    status: 201,
    database: { branch_id: main.id, name: 'shop', owner_name: 'neondb_owner' },
  });
  const changed = await changeDatabase('shop', { name: 'store', owner_name: 'app' });
  expect(changed).toMatchObject({
    status: 200,
    body: {
      database: { id: body.database.id, name: 'store', owner_name: 'app' },
      operations: [{ action: 'apply_config' }],
    },
  });
  const unchanged = await changeDatabase('store', { name: 'store' });
  expect(unchanged).toMatchObject({ status: 200, body: { operations: [] } });
  await settled();
  expect((await contentOf(main))?.databases).toEqual([neondb, { name: 'store', ownerName: 'app' }]);

  const remove = () => control.call<DatabaseAnswer>('DELETE', `${path}/databases/store`);
  expect(await remove()).toMatchObject({ status: 200, body: { database: { name: 'store' } } });
  expect((await remove()).status).toBe(204);
  await settled();
  expect((await contentOf(main))?.databases).toEqual([neondb]);
  expect(await listed()).toMatchObject({ databases: ['neondb of neondb_owner'] });
});

test('databases without an owner, with a taken or a reserved name are refused', async () => {
  const { createDatabase, changeDatabase, listed } = await createReady();
  const database = { name: 'shop', owner_name: 'neondb_owner' };
  expect(await createDatabase({ ...database, owner_name: 'nobody' })).toMatchObject({
    status: 422,
    body: { message: 'database owner not found; role_name:"nobody"' },
  });
  expect(await createDatabase({ ...database, name: 'neondb' })).toMatchObject({ status: 409 });
  for (const name of ['postgres', 'template0', 'template1', '', 'ä'.repeat(32)]) {
    expect(await createDatabase({ ...database, name })).toMatchObject({ status: 400 });
  }
  expect(await changeDatabase('neondb', { name: 'template1' })).toMatchObject({ status: 400 });
  expect(await changeDatabase('neondb', { owner_name: 'nobody' })).toMatchObject({ status: 422 });
  expect(await changeDatabase('nothing', { name: 'x' })).toMatchObject({ status: 404 });
  expect(await listed()).toMatchObject({ databases: ['neondb of neondb_owner'] });
});

test('a branch has no more roles and databases than it may have', async () => {
  const { createRole, createDatabase, main } = await createReady();
  const many = Array.from({ length: 499 }, (_, n) => ({ branch_id: main.id, name: `n${n}` }));
  await control.db
    .insertInto('roles')
    .values(many.map((each) => ({ ...each, verifier: null, sealed_password: null })))
    .execute();
  await control.db
    .insertInto('databases')
    .values(many.map((each) => ({ ...each, owner_name: 'neondb_owner' })))
    .execute();
  expect(await createRole({ name: 'one-too-many' })).toMatchObject({
    status: 422,
    body: { code: 'ROLES_LIMIT_EXCEEDED' },
  });
  const database = { name: 'one-too-many', owner_name: 'neondb_owner' };
  expect(await createDatabase(database)).toMatchObject({
    status: 422,
    body: { code: 'DATABASES_LIMIT_EXCEEDED' },
  });
});

test('a branch of the past, a restore and a snapshot show the roles and databases of then', async () => {
  const { id, path, main, createRole, createDatabase, settled, listed } = await createReady();
  await createRole({ name: 'later' });
  await createDatabase({ name: 'newer', owner_name: 'later' });
  await settled();
  const then: TimelineContent = {
    roles: [owner, { name: 'gone', verifier: 'SCRAM-SHA-256$of-gone', canLogin: true }],
    databases: [neondb, { name: 'dropped', ownerName: 'gone' }],
  };
  const ofThen = {
    roles: ['gone', 'neondb_owner'],
    databases: ['neondb of neondb_owner', 'dropped of gone'],
  };
  control.host.pastContents.set(`${await timelineOf(main)} 0/1C00028`, then);
  const { body: child } = await control.call<CreatedBranch>('POST', `/projects/${id}/branches`, {
    payload: { branch: { parent_lsn: '0/1C00028' } },
  });
  await settled();
  expect(await on(id, child.branch).listed()).toEqual(ofThen);
  const { password } = (
    await control.call<{ password: string }>(
      'GET',
      `/projects/${id}/branches/${child.branch.id}/roles/neondb_owner/reveal_password`,
    )
  ).body;
  expect(password).toMatch(/^npg_/);
  // Its own children get those roles too.
  const { body: grandchild } = await control.call<CreatedBranch>(
    'POST',
    `/projects/${id}/branches`,
    {
      payload: { branch: { parent_id: child.branch.id } },
    },
  );
  await settled();
  expect(await on(id, grandchild.branch).listed()).toEqual(ofThen);

  const { body: taken } = await control.call<{ snapshot: { id: string } }>(
    'POST',
    `${path}/snapshot?lsn=0/1C00028`,
  );
  await settled();
  const restored = await control.call<{ branch: Branch }>(
    'POST',
    `/projects/${id}/snapshots/${taken.snapshot.id}/restore`,
  );
  await settled();
  expect(await on(id, restored.body.branch).listed()).toEqual(ofThen);

  const payload = {
    source_branch_id: main.id,
    source_lsn: '0/1C00028',
    preserve_under_name: 'before',
  };
  const { body } = await control.call<{ branch: Branch }>('POST', `${path}/restore`, { payload });
  await settled();
  expect(await listed()).toEqual(ofThen);
  const backup = await control.call<{ branch: Branch }>(
    'GET',
    `/projects/${id}/branches/${body.branch.parent_id}`,
  );
  expect(await on(id, backup.body.branch).listed()).toEqual({
    roles: ['later', 'neondb_owner'],
    databases: ['neondb of neondb_owner', 'newer of later'],
  });
});

test('what was made by SQL is shown after the next change, and stays', async () => {
  const { main, createRole, settled, listed } = await createReady();
  const timelineId = await timelineOf(main);
  const { roles } = control.host.contents.get(timelineId)!;
  const bySql = [neondb, { name: 'by_sql', ownerName: 'plain' }];
  const plain = { name: 'plain', verifier: null, canLogin: true };
  control.host.contents.set(timelineId, { roles: [...roles, plain], databases: bySql });
  await createRole({ name: 'app' });
  await settled();
  expect(await listed()).toEqual({
    roles: ['app', 'neondb_owner', 'plain'],
    databases: ['neondb of neondb_owner', 'by_sql of plain'],
  });
});

test('what is still to be changed is not undone by what was there before', async () => {
  const { main, createRole, createDatabase, settled, listed, path } = await createReady();
  const seen: unknown[] = [];
  const blocked = new Promise<void>((resolve) => {
    control.host.intercept = async (call) => {
      if (!call.startsWith('content')) return;
      control.host.intercept = () => undefined;
      // Behind this one: another role, a database and the end of one.
      await createDatabase({ name: 'shop', owner_name: 'second' }).then(({ status }) =>
        seen.push(status),
      );
      await createRole({ name: 'second' });
      await createDatabase({ name: 'shop', owner_name: 'second' });
      await control.call('DELETE', `${path}/databases/neondb`);
      resolve();
    };
  });
  await createRole({ name: 'first' });
  await blocked;
  expect(seen).toEqual([422]);
  const wanted = {
    roles: ['first', 'neondb_owner', 'second'],
    databases: ['shop of second'],
  };
  await expect
    .poll(() => control.host.calls.filter((call) => call.startsWith('content')).length)
    .toBeGreaterThan(1);
  expect(await listed()).toEqual(wanted);
  await settled();
  expect(await listed()).toEqual(wanted);
  expect((await contentOf(main))?.databases).toEqual([{ name: 'shop', ownerName: 'second' }]);
});

test('a change that Postgres refuses fails the operation, and the lists say what there is', async () => {
  const { createDatabase, settled, listed } = await createReady();
  control.host.intercept = (call) => {
    if (!call.includes('create_database')) return;
    throw new PgfleetError('change_refused', { message: 'Postgres refuses the change: why' });
  };
  await createDatabase({ name: 'shop', owner_name: 'neondb_owner' });
  const [operation] = await settled();
  control.host.intercept = () => undefined;
  expect(operation).toMatchObject({ status: 'failed', error: 'Postgres refuses the change: why' });
  expect(await listed()).toMatchObject({ databases: ['neondb of neondb_owner'] });
});

test('a branch of the head is made when the changes before it are', async () => {
  const { id, main, createRole, settled, path } = await createReady();
  let release = () => undefined as void;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  control.host.intercept = (call) => (call.startsWith('content') ? held : undefined);
  await createRole({ name: 'app' });
  const branch = () => control.call<CreatedBranch>('POST', `/projects/${id}/branches`);
  expect(await branch()).toMatchObject({ status: 423 });
  expect(await control.call('POST', `${path}/snapshot`)).toMatchObject({ status: 423 });
  control.host.intercept = () => undefined;
  release();
  await settled();
  const { body } = await branch();
  await settled();
  expect(await on(id, body.branch).listed()).toMatchObject({ roles: ['app', 'neondb_owner'] });
  expect((await contentOf(body.branch))?.roles).toEqual((await contentOf(main))?.roles);
});

test('a branch that is recovered shows what it has, whatever was under way when it was deleted', async () => {
  const { id } = await createReady();
  const { body } = await control.call<CreatedBranch>('POST', `/projects/${id}/branches`);
  await control.settled(id);
  const child = on(id, body.branch);
  control.host.intercept = (call, signal) => {
    if (!call.includes('create_role')) return undefined;
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
  };
  await child.createRole({ name: 'never' });
  await control.call('DELETE', child.path);
  control.host.intercept = () => undefined;
  await control.settled(id);
  await control.call('POST', `${child.path}/recover`);
  await control.settled(id);
  expect(await child.listed()).toMatchObject({ roles: ['neondb_owner'] });
});
