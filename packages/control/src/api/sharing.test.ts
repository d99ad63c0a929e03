import type {
  CreatedOrganizationApiKey,
  ProjectList,
  ProjectPermission,
  TransferRequest,
} from '@pgfleet/contract';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl, withKey } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

interface Permissions {
  readonly project_permissions: readonly ProjectPermission[];
}

test('a shared project can be seen and changed, not deleted, until it is shared no more', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project, branch } = await control.createProject();
  await control.createProject();
  const guest = await control.createAccount();
  const key = withKey(guest.key);
  const path = `/projects/${project.id}`;
  expect((await control.call('GET', path, key)).status).toBe(404);
  const grant = () =>
    control.call<ProjectPermission>('POST', `${path}/permissions`, {
      payload: { email: guest.email.toUpperCase() },
    });
  const granted = await grant();
  expect(granted.body).toMatchObject({ granted_to_email: guest.email });
  expect((await grant()).body).toEqual(granted.body);

  const shared = await control.call<ProjectList>('GET', '/projects/shared', key);
  expect(shared.body).toMatchObject({
    projects: [{ id: project.id }],
    pagination: { cursor: project.id },
  });
  const own = await control.call<ProjectList>('GET', '/projects', key);
  expect(own.body.projects).toEqual([]);
  expect((await control.call<ProjectList>('GET', '/projects/shared')).body.projects).toEqual([]);
  const renamed = { payload: { project: { name: 'theirs too' } }, ...key };
  expect((await control.call('PATCH', path, renamed)).status).toBe(200);
  const role = `${path}/branches/${branch.id}/roles/neondb_owner/reveal_password`;
  expect((await control.call('GET', role, key)).status).toBe(200);
  expect((await control.call('DELETE', path, key)).status).toBe(403);
  expect((await control.call('POST', `${path}/transfer_requests`, key)).status).toBe(403);

  const listed = await control.call<Permissions>('GET', `${path}/permissions`, key);
  expect(listed.body.project_permissions).toEqual([granted.body]);
  const revoke = () => control.call('DELETE', `${path}/permissions/${granted.body.id}`);
  expect((await revoke()).body).toMatchObject({ revoked_at: expect.any(String) });
  expect((await revoke()).status).toBe(404);
  expect((await control.call('DELETE', `${path}/permissions/x`)).status).toBe(404);
  expect((await control.call('GET', path, key)).status).toBe(404);
  expect((await control.call<Permissions>('GET', `${path}/permissions`)).body).toEqual({
    project_permissions: [],
  });
});

test('a project that is shared with nobody yet is seen by the user who comes later', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const email = 'later@example.com';
  await control.call('POST', `/projects/${project.id}/permissions`, { payload: { email } });
  const created = await control.call<{ api_key: { key: string } }>('POST', '/pgfleet/users', {
    payload: { email, name: 'Later' },
  });
  const later = withKey(created.body.api_key.key);
  expect((await control.call('GET', `/projects/${project.id}`, later)).status).toBe(200);
});

test('whoever has the id of an offer takes the project, once', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const other = await control.createProject();
  const receiver = await control.createAccount();
  const organizationId = await control.organizationId();
  const scoped = await control.call<CreatedOrganizationApiKey>(
    'POST',
    `/organizations/${organizationId}/api_keys`,
    { payload: { key_name: 'ci', project_id: project.id } },
  );
  const path = `/projects/${project.id}/transfer_requests`;
  const offered = await control.call<TransferRequest>('POST', path);
  expect(offered.status).toBe(201);
  const { created_at: createdAt, expires_at: expiresAt } = offered.body;
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(86_400_000);
  const accept = (where: string, id: string) =>
    control.call('PUT', `/projects/${where}/transfer_requests/${id}`, withKey(receiver.key));
  expect((await accept(other.project.id, offered.body.id)).status).toBe(404);
  expect((await accept(project.id, 'nothing')).status).toBe(404);
  const accepted = await accept(project.id, offered.body.id);
  expect([accepted.status, accepted.body]).toEqual([204, undefined]);
  expect((await accept(project.id, offered.body.id)).status).toBe(404);
  expect((await control.call('GET', `/projects/${project.id}`)).status).toBe(404);
  const taken = await control.call('GET', `/projects/${project.id}`, withKey(receiver.key));
  expect(taken.body).toMatchObject({
    project: { org_id: receiver.organizationId, owner_id: receiver.userId },
  });
  const late = await control.call('GET', `/projects/${project.id}`, withKey(scoped.body.key));
  expect(late.status).toBe(401);
});

test('an offer ends with its time, and when the project went elsewhere', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const receiver = await control.createAccount();
  const path = `/projects/${project.id}/transfer_requests`;
  const offer = (payload: object) => control.call<TransferRequest>('POST', path, { payload });
  const accept = ({ body }: { readonly body: TransferRequest }) =>
    control.call('PUT', `${path}/${body.id}`, withKey(receiver.key));
  expect((await offer({ ttl_seconds: 0 })).status).toBe(400);
  const short = await offer({ ttl_seconds: 60 });
  await sql`update project_transfer_requests set expires_at = now()`.execute(control.db);
  expect((await accept(short)).status).toBe(404);
  const [first, second] = [await offer({}), await offer({})];
  expect((await accept(first)).status).toBe(204);
  expect((await accept(second)).status).toBe(404);
});

test('admins move projects between their organizations, all of them or none', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const from = await control.organizationId();
  const member = withKey((await control.createMember('member')).key);
  const ids = [
    (await control.createProject()).project.id,
    (await control.createProject()).project.id,
  ];
  const made = await control.call<{ organization: { id: string } }>(
    'POST',
    '/pgfleet/organizations',
    {
      payload: { name: 'second' },
    },
  );
  const to = made.body.organization.id;
  const move = (project_ids: readonly string[], more = {}) =>
    control.call('POST', `/organizations/${from}/projects/transfer`, {
      payload: { destination_org_id: to, project_ids },
      ...more,
    });
  expect((await move(ids, member)).status).toBe(403);
  expect((await move([...ids, 'no-such-00000000'])).status).toBe(404);
  expect((await move([])).status).toBe(400);
  const listOf = async (id: string) => {
    const { body } = await control.call<ProjectList>('GET', `/projects?org_id=${id}`);
    return body.projects.map((project) => project.id);
  };
  expect(await listOf(from)).toEqual(ids.toSorted());
  expect((await move(ids)).body).toEqual({});
  expect(await listOf(from)).toEqual([]);
  expect(await listOf(to)).toEqual(ids.toSorted());
  expect((await move(ids)).status).toBe(404);

  const back = (project_ids: readonly string[], more = {}) =>
    control.call('POST', '/users/me/projects/transfer', {
      payload: { destination_org_id: from, project_ids },
      ...more,
    });
  expect((await back(ids, member)).status).toBe(404);
  expect((await back(ids)).status).toBe(200);
  expect(await listOf(from)).toEqual(ids.toSorted());
});
