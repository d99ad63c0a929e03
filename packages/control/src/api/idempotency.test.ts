import type { CreatedApiKey, CreatedProject, MemberRole } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reserveIdempotencyKey, saveIdempotentAnswer } from '../store/idempotency-keys.ts';
import { forgetOldAnswers } from '../store/retention.ts';
import { TestControl, withKey } from '../testing/test-control.ts';
import type { TestAccount } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

function create(control: TestControl, key: string, authorization?: string) {
  return control.call<CreatedProject>('POST', '/projects', {
    payload: { project: {} },
    headers: { 'idempotency-key': key, ...(authorization ? { authorization } : {}) },
  });
}

async function countProjects({ db }: TestControl): Promise<number> {
  const rows = await db.selectFrom('projects').select('id').execute();
  return rows.length;
}

test('calls that come while the first is under way wait for it, and get its answer', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const calls: ReturnType<typeof create>[] = [];
  await control.db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('pgfleet.audit_log', 0))`.execute(tx);
    for (let index = 0; index < 3; index += 1) calls.push(create(control, 'same'));
    await waitUntil(() => areWaiting(control, 1), {
      what: 'the first call to wait',
      timeoutMs: 10_000,
    });
  });
  const [first, ...others] = await Promise.all(calls);
  expect(first?.status).toBe(201);
  for (const other of others) expect(other.body).toEqual(first?.body);
  expect(await countProjects(control)).toBe(1);
});

test('of two replicas the second waits for the first with a key, and gets its answer', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const call = { subject: 'user', key: 'same', requestHash: 'of one request' };
  const answer = { status: 201, sealedAnswer: 'sealed', etag: null };
  let second: ReturnType<typeof reserveIdempotencyKey> | undefined;
  await control.db.transaction().execute(async (tx) => {
    expect(await reserveIdempotencyKey(tx, call)).toBeUndefined();
    second = reserveIdempotencyKey(control.db, call);
    await waitUntil(() => areWaiting(control, 1), {
      what: 'the second to wait',
      timeoutMs: 10_000,
    });
    await saveIdempotentAnswer(tx, call, answer);
  });
  expect(await second).toEqual({ requestHash: call.requestHash, ...answer });
});

async function areWaiting({ db }: TestControl, count: number): Promise<boolean> {
  const { rows } = await sql`select from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`.execute(db);
  return rows.length === count;
}

test('a key is kept for a day and then forgotten', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const age = (hours: number) =>
    sql`update idempotency_keys set created_at = now() - make_interval(hours => ${hours})`.execute(
      control.db,
    );
  const first = await create(control, 'old');
  await age(23);
  await forgetOldAnswers(control.db);
  expect((await create(control, 'old')).body).toEqual(first.body);
  await age(25);
  await forgetOldAnswers(control.db);
  expect((await create(control, 'old')).body.project.id).not.toBe(first.body.project.id);
});

test('a key belongs to a user with all keys of the user, and to one key of an organization', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const organization = await control.organizationId();
  const make = async (path: string) => {
    const { body } = await control.call<CreatedApiKey>('POST', path, {
      payload: { key_name: 'a' },
    });
    return `Bearer ${body.key}`;
  };
  const first = await create(control, 'mine');
  expect((await create(control, 'mine', await make('/api_keys'))).body).toEqual(first.body);
  const ids = new Set([first.body.project.id]);
  for (let index = 0; index < 2; index += 1) {
    const key = await make(`/organizations/${organization}/api_keys`);
    ids.add((await create(control, 'mine', key)).body.project.id);
  }
  expect(ids.size).toBe(3);
});

test('what was refused has changed nothing and may be tried again with the same key', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const headers = { 'idempotency-key': 'again' };
  const rename = (name: string) =>
    control.call('PATCH', '/projects/none', { payload: { project: { name } }, headers });
  expect((await rename('one')).status).toBe(404);
  expect((await rename('two')).status).toBe(404);
  expect((await create(control, 'again')).status).toBe(201);
});

test('the answer is repeated even where the same call would be refused by now', async () => {
  await using control = await TestControl.open(postgres);
  const { project, branch } = await control.createProject();
  await control.settled(project.id);
  const url = `/projects/${project.id}/branches/${branch.id}/snapshot`;
  const headers = { 'idempotency-key': 'snapshot' };
  const expiresAt = new Date(Date.now() + 2_000).toISOString();
  const snapshot = () => control.call('POST', `${url}?expires_at=${expiresAt}`, { headers });
  const first = await snapshot();
  expect(first.status).toBe(200);
  await waitUntil(() => Date.now() > Date.parse(expiresAt), {
    what: 'the expiration to pass',
    timeoutMs: 10_000,
  });
  expect((await control.call('POST', `${url}?expires_at=${expiresAt}`)).status).toBe(400);
  expect((await snapshot()).body).toEqual(first.body);
  await control.call('DELETE', `/projects/${project.id}`);
  expect((await snapshot()).body).toEqual(first.body);
});

test('an answer that is repeated has the ETag of the first', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const rename = (key: string) =>
    control.call('PATCH', `/projects/${project.id}`, {
      payload: { project: { name: key } },
      headers: { 'idempotency-key': key },
    });
  const first = await rename('one');
  await rename('two');
  const again = await rename('one');
  expect(again.headers['etag']).toBe(first.headers['etag']);
  expect(again.body).toEqual(first.body);
});

test('what is worded in another order, or differs in what nobody reads, is the same call', async () => {
  await using control = await TestControl.open(postgres);
  const headers = { 'idempotency-key': 'create', 'content-type': 'application/json' };
  const make = (payload: string) =>
    control.call<CreatedProject>('POST', '/projects', { payload, headers });
  const { body } = await make(
    '{"project":{"name":"a","pg_version":17,"branch":{"name":"b","role_name":"c"}}}',
  );
  const other = await make(
    '{"project":{"branch":{"role_name":"c","unknown":1,"name":"b"},"pg_version":17,"name":"a"}}',
  );
  expect(other.body).toEqual(body);
  const renamed = '{"project":{"name":"z","pg_version":17,"branch":{"name":"b","role_name":"c"}}}';
  expect((await make(renamed)).status).toBe(422);
  const { project, branch, endpoints } = body;
  await control.settled(project.id);

  const suspend = (payload?: object) =>
    control.call('POST', `/projects/${project.id}/endpoints/${endpoints[0]?.id}/suspend`, {
      ...(payload && { payload }),
      headers: { 'idempotency-key': 'suspend' },
    });
  const suspended = await suspend({ x: 1 });
  expect(suspended.status).toBe(200);
  expect((await suspend()).body).toEqual(suspended.body);

  const snapshot = (query: string) =>
    control.call('POST', `/projects/${project.id}/branches/${branch.id}/snapshot?${query}`, {
      headers: { 'idempotency-key': 'snapshot' },
    });
  const taken = await snapshot('name=one%20two&lsn=0/1');
  expect(taken.status).toBe(200);
  expect((await snapshot('lsn=0%2F1&name=one+two')).body).toEqual(taken.body);
  expect((await snapshot('lsn=0/2&name=one+two')).status).toBe(422);
});

test('no answer is repeated to whoever may not make such a change any more', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project, branch } = await control.createProject();
  const bob = await control.createMember('editor');
  const { headers } = withKey(bob.key);
  const rename = (more: Record<string, string> = {}) =>
    control.call('PATCH', `/projects/${project.id}`, {
      payload: { project: { settings: { allowed_ips: { ips: ['10.0.0.1'] } } } },
      headers: { ...headers, 'idempotency-key': 'rename', ...more },
    });
  const makeRole = () =>
    control.call('POST', `/projects/${project.id}/branches/${branch.id}/roles`, {
      payload: { role: { name: 'theirs' } },
      headers: { ...headers, 'idempotency-key': 'role' },
    });
  expect((await rename()).status).toBe(200);
  const made = await makeRole();
  expect(made.status).toBe(201);

  await setRole(control, bob, 'viewer');
  expect((await makeRole()).status).toBe(403);
  await setRole(control, bob, 'editor');
  expect((await makeRole()).body).toEqual(made.body);
  await setRole(control, bob, null);
  for (const call of [rename(), rename({ prefer: 'wait=1' }), makeRole()]) {
    const { status, body } = await call;
    expect(status).toBe(404);
    expect(body).toMatchObject({ message: 'project not found' });
  }
});

test('who made a project in an organization learns nothing more of it after the membership', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const bob = await control.createMember('member');
  const organization = await control.organizationId();
  const payload = { project: { org_id: organization } };
  const headers = { ...withKey(bob.key).headers, 'idempotency-key': 'create' };
  const make = () => control.call('POST', '/projects', { payload, headers });
  expect((await make()).status).toBe(201);
  await setRole(control, bob, null);
  expect((await make()).status).toBe(404);
});

test('a key of an organization is shown again only to its admins', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const bob = await control.createMember('admin');
  const organization = await control.organizationId();
  const make = () =>
    control.call('POST', `/organizations/${organization}/api_keys`, {
      payload: { key_name: 'a' },
      headers: { ...withKey(bob.key).headers, 'idempotency-key': 'key' },
    });
  const made = await make();
  expect((await make()).body).toEqual(made.body);
  await setRole(control, bob, 'member');
  expect((await make()).status).toBe(403);
  await setRole(control, bob, null);
  expect((await make()).status).toBe(404);
});

/** Gives a user another role in the admin's organization, or none. */
async function setRole(
  control: TestControl,
  { userId }: TestAccount,
  role: MemberRole | null,
): Promise<void> {
  const member = { user_id: userId, organization_id: await control.organizationId() };
  const members = control.db.deleteFrom('organization_members');
  await members
    .where('user_id', '=', member.user_id)
    .where('organization_id', '=', member.organization_id)
    .execute();
  if (role === null) return;
  await control.db
    .insertInto('organization_members')
    .values({ ...member, role })
    .execute();
}
