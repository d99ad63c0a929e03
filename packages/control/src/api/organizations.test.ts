import type {
  ApiKeyListItem,
  CreatedApiKey,
  Invitation,
  Member,
  MemberList,
} from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl, withKey } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

interface CreatedUser {
  readonly user: { readonly id: string; readonly email: string };
  readonly api_key: CreatedApiKey;
}

function createUser(control: TestControl, email: string, more = {}) {
  const payload = { email, name: 'Somebody' };
  return control.call<CreatedUser>('POST', '/pgfleet/users', { payload, ...more });
}

test('an organization is shown to those who belong to it', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const id = await control.organizationId();
  const { body } = await control.call('GET', `/organizations/${id}`);
  expect(body).toMatchObject({ id, name: 'pgfleet', managed_by: 'console' });
  const collaborator = withKey((await control.createMember('collaborator')).key);
  expect((await control.call('GET', `/organizations/${id}`, collaborator)).status).toBe(200);
  const stranger = withKey(await control.createStranger());
  const refused = await control.call('GET', `/organizations/${id}`, stranger);
  expect([refused.status, refused.body]).toEqual([
    404,
    { code: '', message: 'organization not found' },
  ]);
});

test('members are listed in pages, by address, role or time', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  for (const role of ['viewer', 'member', 'editor'] as const) await control.createMember(role);
  const path = `/organizations/${await control.organizationId()}/members`;
  const whole = await control.call<MemberList>('GET', path);
  expect(whole.body.pagination).toMatchObject({ sort_by: 'joined_at', sort_order: 'DESC' });
  expect(whole.body.members.map(({ member }) => member.role)).toEqual([
    'editor',
    'member',
    'viewer',
    'admin',
  ]);
  for (const sort of ['email', 'role', 'joined_at']) {
    const sorting = `sort_by=${sort}&sort_order=asc`;
    const all = await control.call<MemberList>('GET', `${path}?${sorting}`);
    const seen: string[] = [];
    let query = `?limit=3&${sorting}`;
    for (;;) {
      const { body } = await control.call<MemberList>('GET', `${path}${query}`);
      seen.push(...body.members.map(({ member }) => member.id));
      if (!body.pagination) break;
      query = `?limit=3&cursor=${encodeURIComponent(body.pagination.next)}`;
    }
    expect(seen).toEqual(all.body.members.map(({ member }) => member.id));
  }
  const noDay = Buffer.from(
    JSON.stringify({
      member_id: whole.body.members[0]!.member.id,
      sort_by: 'joined_at',
      sort_by_value: '2024-02-31T00:00:00Z',
      sort_order: 'ASC',
    }),
  ).toString('base64url');
  for (const query of ['cursor=e30%3D', `cursor=${noDay}`, 'sort_by=id', 'limit=501']) {
    expect((await control.call('GET', `${path}?${query}`)).status).toBe(400);
  }
});

test('admins change roles and remove members, but not the last admin', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const viewer = await control.createMember('viewer');
  const path = `/organizations/${await control.organizationId()}/members`;
  const { body } = await control.call<MemberList>('GET', `${path}?sort_by=role&sort_order=asc`);
  const [admin, other] = body.members.map(({ member }) => member);
  const change = (id: string, role: string, more = {}) =>
    control.call<Member>('PATCH', `${path}/${id}`, { payload: { role }, ...more });
  expect((await change(other!.id, 'admin', withKey(viewer.key))).status).toBe(403);
  expect((await change(admin!.id, 'member')).status).toBe(422);
  expect((await control.call('DELETE', `${path}/${admin!.id}`)).status).toBe(422);
  expect((await change(other!.id, 'owner')).status).toBe(400);
  expect((await change(other!.id, 'editor')).body).toMatchObject({ role: 'editor' });
  expect((await control.call('GET', `${path}/${other!.id}`)).body).toMatchObject({
    user_id: viewer.userId,
    role: 'editor',
  });
  const projectPath = `/projects/${project.id}`;
  expect((await control.call('GET', projectPath, withKey(viewer.key))).status).toBe(200);
  expect((await control.call('DELETE', `${path}/${other!.id}`)).body).toEqual({});
  expect((await control.call('GET', projectPath, withKey(viewer.key))).status).toBe(404);
  expect((await control.call('DELETE', `${path}/${other!.id}`)).status).toBe(404);
  expect((await control.call('GET', `${path}/nobody`)).status).toBe(400);
});

test('two admins who remove each other do not both succeed', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const second = await control.createMember('admin');
  const path = `/organizations/${await control.organizationId()}/members`;
  const { body } = await control.call<MemberList>('GET', path);
  const idOf = (isSecond: boolean) =>
    body.members.find(({ member }) => (member.user_id === second.userId) === isSecond)!.member.id;
  const answers = await Promise.all([
    control.call('DELETE', `${path}/${idOf(true)}`),
    control.call('DELETE', `${path}/${idOf(false)}`, withKey(second.key)),
  ]);
  // The second is refused for being the last one, or as somebody who does not belong any more.
  const [good, bad] = answers.map(({ status }) => status).toSorted((a, b) => a - b);
  expect(good).toBe(200);
  expect([404, 422]).toContain(bad);
  const left = await control.db.selectFrom('organization_members').select('role').execute();
  expect(left.filter(({ role }) => role === 'admin')).toHaveLength(2);
});

test('an invited user belongs at once, anybody else as soon as there is such a user', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const organizationId = await control.organizationId();
  const path = `/organizations/${organizationId}/invitations`;
  const known = await control.createAccount();
  const invite = (email: string, role: string) =>
    control.call<{ invitations: Invitation[] }>('POST', path, {
      payload: { invitations: [{ email, role }] },
    });
  const { status, body } = await invite(known.email.toUpperCase(), 'member');
  expect(status).toBe(200);
  expect(body.invitations).toMatchObject([{ email: known.email, role: 'member' }]);
  const joined = await control.call('GET', '/users/me/organizations', withKey(known.key));
  expect(JSON.stringify(joined.body)).toContain(organizationId);
  expect((await invite(known.email, 'viewer')).status).toBe(409);

  await invite('New@example.com', 'member');
  const again = await invite('new@example.com', 'viewer');
  const listed = await control.call<{ invitations: Invitation[] }>('GET', path);
  expect(listed.body.invitations.map(({ email, role }) => [email, role])).toEqual([
    ['new@example.com', 'viewer'],
    [known.email, 'member'],
  ]);
  expect(listed.body.invitations[0]).toEqual(again.body.invitations[0]);
  const created = await createUser(control, 'new@example.com');
  expect(created.status).toBe(201);
  const newcomer = withKey(created.body.api_key.key);
  expect(
    (await control.call('POST', '/projects', { payload: { project: {} }, ...newcomer })).status,
  ).toBe(400);
  const members = await control.call<MemberList>(
    'GET',
    `/organizations/${organizationId}/members`,
    newcomer,
  );
  expect(members.body.members[0]).toMatchObject({
    member: { role: 'viewer', user_id: created.body.user.id },
    user: { email: 'new@example.com' },
  });
  for (const email of ['nobody', 'a@b@c', ''])
    expect((await invite(email, 'member')).status).toBe(400);
});

test('only operators make users and organizations', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { body: created } = await createUser(control, 'someone@example.com');
  expect((await createUser(control, 'Someone@Example.com')).status).toBe(409);
  const someone = withKey(created.api_key.key);
  expect((await control.call('GET', '/users/me', someone)).body).toMatchObject({
    email: 'someone@example.com',
  });
  expect((await control.call<ApiKeyListItem[]>('GET', '/api_keys', someone)).body).toHaveLength(1);
  expect((await createUser(control, 'other@example.com', someone)).status).toBe(403);
  const make = (more = {}) =>
    control.call<{ organization: { id: string } }>('POST', '/pgfleet/organizations', {
      payload: { name: 'second' },
      ...more,
    });
  expect((await make(someone)).status).toBe(403);
  const made = await make();
  expect(made.status).toBe(201);
  const { body } = await control.call('GET', `/organizations/${made.body.organization.id}`);
  expect(body).toMatchObject({ name: 'second' });
  const ambiguous = await control.call('POST', '/projects', { payload: { project: {} } });
  expect(ambiguous.body).toMatchObject({ message: expect.stringContaining('org_id is required') });
});

test('a spending limit is kept until it is taken away', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const member = withKey((await control.createMember('member')).key);
  const path = `/organizations/${await control.organizationId()}/billing/spending_limit`;
  expect((await control.call('GET', path)).body).toEqual({ spending_limit_cents: null });
  const put = (spending_limit_cents: unknown, more = {}) =>
    control.call('PUT', path, { payload: { spending_limit_cents }, ...more });
  expect((await put(5000)).body).toEqual({ spending_limit_cents: 5000 });
  for (const wrong of [0, -1, null, 1.5, '1']) expect((await put(wrong)).status).toBe(400);
  expect((await put(1, member)).status).toBe(403);
  expect((await control.call('DELETE', path, member)).status).toBe(403);
  expect((await control.call('GET', path, member)).body).toEqual({ spending_limit_cents: 5000 });
  expect((await control.call('DELETE', path)).body).toEqual({});
  expect((await control.call('DELETE', path)).status).toBe(200);
  expect((await control.call('GET', path)).body).toEqual({ spending_limit_cents: null });
});
