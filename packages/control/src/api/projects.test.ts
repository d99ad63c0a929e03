import type { Operation, Project, ProjectList } from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

test('an empty list has no pagination', async () => {
  await using control = await TestControl.open(postgres);
  const { body } = await control.call('GET', '/projects');
  expect(body).toEqual({ projects: [], applications: {}, integrations: {} });
  const shared = await control.call('GET', '/projects/shared?limit=100');
  expect(shared.body).toEqual({ projects: [] });
});

test('pages follow each other by the id of the last project', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push((await control.createProject()).project.id);
  const seen: string[] = [];
  let query = '?limit=2';
  for (;;) {
    const { body } = await control.call<ProjectList>('GET', `/projects${query}`);
    if (!body.pagination) break;
    expect(body.pagination.cursor).toBe(body.projects.at(-1)!.id);
    seen.push(...body.projects.map(({ id }) => id));
    query = `?limit=2&cursor=${body.pagination.cursor}`;
  }
  expect(seen).toEqual(ids.toSorted());
});

test('a search finds parts of names and ids, and takes wildcards as they are', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject({ name: '100% Wool' });
  await control.createProject({ name: 'cotton' });
  for (const text of ['wool', '0%', project.id.slice(3)]) {
    const { body } = await control.call<ProjectList>(
      'GET',
      `/projects?search=${encodeURIComponent(text)}`,
    );
    expect(body.projects.map(({ id }) => id)).toEqual([project.id]);
  }
});

test('wrong queries are refused', async () => {
  await using control = await TestControl.open(postgres);
  for (const query of ['limit=0', 'limit=401', 'limit=x', 'limit=1&limit=2', 'search=%00']) {
    const { status } = await control.call('GET', `/projects?${query}`);
    expect(status).toBe(400);
  }
});

test('a project is shown with its period of consumption and its owner', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const { body } = await control.call<{ project: Project }>('GET', `/projects/${project.id}`);
  expect(body.project.consumption_period_start).toMatch(/^\d{4}-\d{2}-01T00:00:00Z$/);
  expect(body.project.owner).toMatchObject({ name: 'admin' });
});

test('a project of another organization does not exist', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const headers = { authorization: `Bearer ${await control.createStranger()}` };
  const notFound = { code: '', message: 'project not found' };
  for (const path of ['', '/branches', '/operations', '/endpoints']) {
    const { status, body } = await control.call('GET', `/projects/${project.id}${path}`, {
      headers,
    });
    expect([status, body]).toEqual([404, notFound]);
  }
  for (const method of ['DELETE', 'PATCH'] as const) {
    const payload = method === 'PATCH' ? { payload: { project: {} } } : {};
    const { status } = await control.call(method, `/projects/${project.id}`, {
      headers,
      ...payload,
    });
    expect(status).toBe(404);
  }
  const { body } = await control.call('GET', '/projects', { headers });
  expect(body).toMatchObject({ projects: [] });
});

test('a new name needs no operation', async () => {
  await using control = await TestControl.open(postgres);
  const { project } = await control.createProject({ name: 'before' });
  const { status, body } = await control.call<{ project: Project; operations: Operation[] }>(
    'PATCH',
    `/projects/${project.id}`,
    { payload: { project: { name: 'after' } } },
  );
  expect(status).toBe(200);
  expect(body.project.name).toBe('after');
  expect(body.operations).toEqual([]);
});

test('a new allow list reaches the host', async () => {
  await using control = await TestControl.open(postgres);
  const { project, endpoints } = await control.createProject();
  const { body } = await control.call<{ operations: Operation[] }>(
    'PATCH',
    `/projects/${project.id}`,
    { payload: { project: { settings: { allowed_ips: { ips: ['10.1.2.3'] } } } } },
  );
  expect(body.operations).toMatchObject([{ action: 'apply_config', status: 'running' }]);
  await control.settled(project.id);
  expect(control.host.endpoints.get(endpoints[0]!.id)).toMatchObject({
    allowedIps: ['10.1.2.3'],
    generation: 2,
  });
});

test('logical replication cannot be switched off again', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject({
    settings: { enable_logical_replication: true },
  });
  const { status } = await control.call('PATCH', `/projects/${project.id}`, {
    payload: { project: { settings: { enable_logical_replication: false } } },
  });
  expect(status).toBe(400);
});
