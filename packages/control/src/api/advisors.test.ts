import type { AdvisorIssue, AdvisorIssueList, CreatedProject } from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const issue: AdvisorIssue = {
  name: 'no_primary_key',
  title: 'No Primary Key',
  level: 'INFO',
  facing: 'INTERNAL',
  categories: ['PERFORMANCE'],
  description: 'A table has no primary key.',
  detail: 'Table public.t has no primary key.',
  remediation: 'https://www.postgresql.org/docs/current/ddl-constraints.html',
  metadata: { schema: 'public', name: 't', columns: ['a'], scans: 7 },
  cache_key: 'no_primary_key_public.t',
};

function ask<T = AdvisorIssueList>(control: TestControl, { project }: CreatedProject, query = '') {
  return control.call<T>('GET', `/projects/${project.id}/advisors${query}`);
}

async function settledProject(control: TestControl): Promise<CreatedProject> {
  const created = await control.createProject();
  await control.settled(created.project.id);
  return created;
}

async function addDatabase(control: TestControl, { project, branch }: CreatedProject) {
  const database = { name: 'shop', owner_name: 'neondb_owner' };
  const path = `/projects/${project.id}/branches/${branch.id}/databases`;
  await control.call('POST', path, { payload: { database } });
  await control.settled(project.id);
}

test('the only database of the default branch is judged when nothing is said', async () => {
  await using control = await TestControl.open(postgres);
  const created = await settledProject(control);
  control.host.issues = [issue];
  expect(await ask(control, created)).toMatchObject({ status: 200, body: { issues: [issue] } });
  const [timelineId] = [...control.host.timelines.keys()];
  expect(control.host.calls.at(-1)).toBe(`issues ${timelineId} neondb`);
});

test('of several databases one has to be named', async () => {
  await using control = await TestControl.open(postgres);
  const created = await settledProject(control);
  await addDatabase(control, created);
  expect(await ask(control, created)).toMatchObject({
    status: 400,
    body: {
      message:
        'invalid request: database_name is required, since this branch has several databases',
    },
  });
  expect((await ask(control, created, '?database_name=shop')).status).toBe(200);
  expect(control.host.calls.at(-1)).toMatch(/^issues \S+ shop$/);
});

test('another branch is judged when it is named, and only what is asked for', async () => {
  await using control = await TestControl.open(postgres);
  const created = await settledProject(control);
  const { body } = await control.call<{ branch: { id: string } }>(
    'POST',
    `/projects/${created.project.id}/branches`,
    { payload: { branch: { name: 'child' } } },
  );
  await control.settled(created.project.id);
  const [, timelineId] = [...control.host.timelines.keys()];
  const query = `?branch_id=${body.branch.id}&category=SECURITY&min_severity=WARN`;
  expect((await ask(control, created, query)).status).toBe(200);
  expect(control.host.calls.at(-1)).toBe(`issues ${timelineId} neondb SECURITY WARN`);
});

test.each([
  ['?branch_id=br-missing-1', 404, 'branch not found'],
  ['?database_name=missing', 404, 'database not found'],
  ['?category=STYLE', 400, /category/],
  ['?min_severity=warn', 400, /min_severity/],
  ['?database_name=', 400, /database_name/],
])('%s is answered with %i', async (query, status, message) => {
  await using control = await TestControl.open(postgres);
  const created = await settledProject(control);
  const answer = await ask<{ message: string }>(control, created, query);
  expect(answer.status).toBe(status);
  expect(answer.body.message).toMatch(message);
});

test('who does not see a project does not see what is wrong with it', async () => {
  await using control = await TestControl.open(postgres);
  const { project } = await settledProject(control);
  const { key } = await control.createAccount();
  const headers = { authorization: `Bearer ${key}` };
  const answer = await control.call('GET', `/projects/${project.id}/advisors`, { headers });
  expect(answer).toMatchObject({ status: 404, body: { message: 'project not found' } });
});

test('a branch that is not there yet is not judged yet', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const answer = await ask(control, await control.createProject());
  expect(answer).toMatchObject({ status: 422, body: { message: 'branch not ready yet' } });
});
