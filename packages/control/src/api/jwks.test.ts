import type { CreatedJwks, Jwks } from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl, withKey } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const url = 'https://tokens.example.com/.well-known/jwks.json';

test('key sets are added, listed and taken away', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project, branch } = await control.createProject();
  const path = `/projects/${project.id}/jwks`;
  expect((await control.call('GET', path)).body).toEqual({ jwks: [] });
  const add = (more: object = {}) =>
    control.call<CreatedJwks>('POST', path, {
      payload: { jwks_url: url, provider_name: 'Clerk', ...more },
    });
  const everywhere = await add({ role_names: ['authenticated'], skip_role_creation: true });
  expect(everywhere.status).toBe(201);
  expect(everywhere.body).toMatchObject({
    jwks: { project_id: project.id, jwks_url: url, role_names: ['authenticated'] },
    operations: [],
  });
  expect((await add()).status).toBe(409);
  const here = await add({ branch_id: branch.id, jwt_audience: 'app' });
  expect(here.body.jwks).toMatchObject({ branch_id: branch.id, jwt_audience: 'app' });
  const { body } = await control.call<{ jwks: Jwks[] }>('GET', path);
  expect(body.jwks).toEqual([everywhere.body.jwks, here.body.jwks]);
  const removed = await control.call('DELETE', `${path}/${here.body.jwks.id}`);
  expect([removed.status, removed.body]).toEqual([200, here.body.jwks]);
  expect((await control.call('DELETE', `${path}/${here.body.jwks.id}`)).status).toBe(404);
  expect((await control.call('DELETE', `${path}/x`)).status).toBe(404);
});

test.each([
  ['http://tokens.example.com/jwks.json', 400],
  ['tokens', 400],
  ['https://user:secret@tokens.example.com/', 400],
  ['', 400],
])('%j is no address of a key set', async (jwks_url, expected) => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const payload = { jwks_url, provider_name: 'Clerk' };
  const { status } = await control.call('POST', `/projects/${project.id}/jwks`, { payload });
  expect(status).toBe(expected);
});

test('key sets and their branches are the own ones, and viewers add none', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const other = await control.createProject();
  const add = (more: object, by = {}) =>
    control.call('POST', `/projects/${project.id}/jwks`, {
      payload: { jwks_url: url, provider_name: 'Clerk', ...more },
      ...by,
    });
  expect((await add({ branch_id: other.branch.id })).status).toBe(404);
  const viewer = withKey((await control.createMember('viewer')).key);
  expect((await add({}, viewer)).status).toBe(403);
  expect((await add({}, withKey(await control.createStranger()))).status).toBe(404);
});

test('the libraries that can be preloaded are those of the Postgres of the project', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const path = `/projects/${project.id}/available_preload_libraries`;
  const { body } = await control.call<{ libraries: { library_name: string }[] }>('GET', path);
  expect(body.libraries).toContainEqual({
    library_name: 'pg_stat_statements',
    description: expect.any(String),
    is_default: false,
    is_experimental: false,
    version: '1.11',
  });
});
