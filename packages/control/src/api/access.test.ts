import type {
  CreatedOrganizationApiKey,
  MemberRole,
  OrganizationApiKeyListItem,
} from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl, withKey } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

async function createKey(control: TestControl, project_id?: string) {
  const path = `/organizations/${await control.organizationId()}/api_keys`;
  const payload = { key_name: 'robot', ...(project_id && { project_id }) };
  return control.call<CreatedOrganizationApiKey>('POST', path, { payload });
}

const outside = 'not allowed to perform actions outside the project this key is scoped to';

test('a key of an organization opens its projects and speaks for nobody', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const organizationId = await control.organizationId();
  const { status, body: created } = await createKey(control);
  expect(status).toBe(200);
  expect(created).not.toHaveProperty('project_id');
  const robot = withKey(created.key);
  const listed = await control.call('GET', '/projects', robot);
  expect(listed.body).toMatchObject({ projects: [{ id: project.id }] });
  const made = await control.call('POST', '/projects', { payload: { project: {} }, ...robot });
  expect(made.status).toBe(201);
  expect((await control.call('DELETE', `/projects/${project.id}`, robot)).status).toBe(200);
  const auth = await control.call('GET', '/auth', robot);
  expect(auth.body).toMatchObject({ account_id: organizationId, auth_method: 'api_key_org' });
  for (const path of ['/users/me', '/api_keys', '/regions']) {
    const refused = await control.call('GET', path, robot);
    expect([refused.status, refused.body]).toEqual([
      404,
      { code: '', message: 'not allowed for organization API keys' },
    ]);
  }
  const regions = await control.call('GET', `/regions?org_id=${organizationId}`, robot);
  expect(regions.status).toBe(200);
  const organizations = await control.call('GET', '/users/me/organizations', robot);
  expect(organizations.body).toMatchObject({ organizations: [{ id: organizationId }] });
});

test('a key of a project opens nothing but that project, and cannot delete it', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project, branch } = await control.createProject();
  const other = await control.createProject();
  const organizationId = await control.organizationId();
  const { body: created } = await createKey(control, project.id);
  expect(created.project_id).toBe(project.id);
  const robot = withKey(created.key);
  expect((await control.call('GET', `/projects/${project.id}`, robot)).status).toBe(200);
  const branchPath = `/projects/${project.id}/branches/${branch.id}`;
  const renamed = await control.call('PATCH', branchPath, {
    payload: { branch: { name: 'trunk' } },
    ...robot,
  });
  expect(renamed.status).toBe(200);
  const refused = [
    ['GET', `/projects/${other.project.id}`],
    ['DELETE', `/projects/${other.project.id}`],
    ['GET', '/projects'],
    ['GET', `/projects?org_id=${organizationId}`],
    ['GET', `/organizations/${organizationId}`],
    ['GET', `/organizations/${organizationId}/api_keys`],
  ] as const;
  for (const [method, path] of refused) {
    const { status, body } = await control.call(method, path, robot);
    const message = `${outside}; subject_project_id:"${project.id}"`;
    expect([status, body]).toEqual([404, { code: '', message }]);
  }
  const payload = { project: {} };
  expect((await control.call('POST', '/projects', { payload, ...robot })).status).toBe(404);
  expect((await control.call('DELETE', `/projects/${project.id}`, robot)).status).toBe(403);
});

test('keys of an organization are listed and revoked beside those of its members', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const path = `/organizations/${await control.organizationId()}/api_keys`;
  const whole = await createKey(control);
  const scoped = await createKey(control, project.id);
  const listed = await control.call<OrganizationApiKeyListItem[]>('GET', path);
  expect(listed.body.map(({ id, project_id: scope }) => [id, scope])).toEqual([
    [scoped.body.id, project.id],
    [whole.body.id, undefined],
  ]);
  expect(JSON.stringify(listed.body)).not.toContain(whole.body.key);
  const own = await control.call<{ id: number }[]>('GET', '/api_keys');
  expect(own.body).toHaveLength(1);
  expect((await control.call('DELETE', `/api_keys/${whole.body.id}`)).status).toBe(404);
  expect((await control.call('DELETE', `${path}/${own.body[0]!.id}`)).status).toBe(404);
  const revoked = await control.call('DELETE', `${path}/${scoped.body.id}`);
  expect(revoked.body).toMatchObject({ revoked: true, project_id: project.id });
  const late = await control.call('GET', `/projects/${project.id}`, withKey(scoped.body.key));
  expect(late.status).toBe(401);
});

test('a key is not made for a project of another organization', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const stranger = await control.createAccount();
  const theirs = await control.call<{ project: { id: string } }>('POST', '/projects', {
    payload: { project: {} },
    ...withKey(stranger.key),
  });
  expect((await createKey(control, theirs.body.project.id)).status).toBe(404);
  const path = `/organizations/${stranger.organizationId}/api_keys`;
  const { status, body } = await control.call('POST', path, { payload: { key_name: 'x' } });
  expect([status, body]).toEqual([404, { code: '', message: 'organization not found' }]);
});

// What each role may do, in the order of `attempts`.
test.each<[MemberRole, number[]]>([
  ['admin', [200, 200, 200, 201, 200, 200]],
  ['member', [200, 200, 200, 201, 403, 403]],
  ['editor', [200, 200, 200, 403, 403, 403]],
  ['viewer', [200, 403, 403, 403, 403, 403]],
  ['collaborator', [404, 404, 404, 403, 404, 403]],
])('a member who is %s may do what the role allows', async (role, expected) => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project, branch } = await control.createProject();
  const organizationId = await control.organizationId();
  const member = withKey((await control.createMember(role)).key);
  const path = `/projects/${project.id}`;
  const secret = `${path}/branches/${branch.id}/roles/neondb_owner/reveal_password`;
  const attempts = [
    await control.call('GET', path, member),
    await control.call('PATCH', path, { payload: { project: { name: 'x' } }, ...member }),
    await control.call('GET', secret, member),
    await control.call('POST', '/projects', {
      payload: { project: { org_id: organizationId } },
      ...member,
    }),
    await control.call('DELETE', path, member),
    await control.call('POST', `/organizations/${organizationId}/api_keys`, {
      payload: { key_name: 'x' },
      ...member,
    }),
  ];
  expect(attempts.map(({ status }) => status)).toEqual(expected);
  const listed = await control.call<{ projects: unknown[] }>(
    'GET',
    `/projects?org_id=${organizationId}`,
    member,
  );
  expect(listed.status).toBe(role === 'collaborator' ? 403 : 200);
});

test('an answer is repeated only to the key of an organization that got it', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const other = await control.createProject();
  const { body: created } = await createKey(control, project.id);
  const call = (key: string) =>
    control.call('PATCH', `/projects/${other.project.id}`, {
      payload: { project: { name: 'once' } },
      headers: { authorization: `Bearer ${key}`, 'idempotency-key': 'same' },
    });
  const first = await call(control.adminKey);
  expect(first.status).toBe(200);
  expect((await call(control.adminKey)).body).toEqual(first.body);
  expect((await call(created.key)).status).toBe(404);
});
