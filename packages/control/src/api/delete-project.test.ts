import type { Branch, Project, ProjectList } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { purgeProjects } from '../chores/purge-projects.ts';
import { TestControl, withKey } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

async function createSettled(control: TestControl) {
  const created = await control.createProject({ name: 'dear' });
  await control.settled(created.project.id);
  const path = `/projects/${created.project.id}`;
  await control.call('POST', `${path}/branches`, {
    payload: { branch: { name: 'child' }, endpoints: [{ type: 'read_write' }] },
  });
  await control.settled(created.project.id);
  return { ...created, path };
}

async function isForgotten(control: TestControl): Promise<void> {
  await waitUntil(() => control.host.endpoints.size === 0, {
    what: 'the host to forget the endpoints',
    timeoutMs: 10_000,
  });
}

async function isGone(control: TestControl): Promise<void> {
  await waitUntil(() => control.host.timelines.size === 0, {
    what: 'the timelines to be deleted',
    timeoutMs: 10_000,
  });
}

const inWeek = 7 * 86_400_000;

test('a deleted project is gone at once, but its data is kept for a week', async () => {
  await using control = await TestControl.open(postgres);
  const { project, path } = await createSettled(control);
  expect((await control.call('DELETE', path)).status).toBe(200);
  expect((await control.call('GET', path)).status).toBe(404);
  expect((await control.call('DELETE', path)).status).toBe(404);
  expect((await control.call<ProjectList>('GET', '/projects')).body.projects).toEqual([]);
  await isForgotten(control);
  expect(control.host.timelines.size).toBe(2);
  const listed = await control.call<ProjectList>('GET', '/projects?recoverable=true');
  const [only] = listed.body.projects;
  expect(only).toMatchObject({ id: project.id, name: 'dear' });
  const kept = Date.parse(only!.recoverable_until!) - Date.parse(only!.deleted_at!);
  expect(kept).toBe(inWeek);
});

test('a deleted project comes back as it was, with its branches and endpoints', async () => {
  await using control = await TestControl.open(postgres);
  const { project, path, endpoints } = await createSettled(control);
  const known = new Set(control.host.endpoints.keys());
  await control.call('DELETE', path);
  await isForgotten(control);
  const { status, body } = await control.call<{ project: Project; branches: Branch[] }>(
    'POST',
    `${path}/recover`,
  );
  expect(status).toBe(200);
  expect(body.project.id).toBe(project.id);
  expect(body.branches.map(({ name }) => name)).toEqual(['main', 'child']);
  expect((await control.call('POST', `${path}/recover`)).status).toBe(404);
  const operations = await control.settled(project.id);
  expect(operations.every((operation) => operation.status === 'finished')).toBe(true);
  expect(new Set(control.host.endpoints.keys())).toEqual(known);
  const started = await control.call('POST', `${path}/endpoints/${endpoints[0]!.id}/start`);
  expect(started.status).toBe(200);
  await control.settled(project.id);
  const listed = await control.call<ProjectList>('GET', '/projects?recoverable=true');
  expect(listed.body.projects).toEqual([]);
});

test('what can be recovered no longer goes from the host', async () => {
  await using control = await TestControl.open(postgres);
  const { path } = await createSettled(control);
  const context = { db: control.db, worker: control.worker! };
  await control.call('DELETE', path);
  await isForgotten(control);
  await purgeProjects(context);
  expect(control.host.timelines.size).toBe(2);
  await sql`update projects set purge_at = now()`.execute(control.db);
  expect((await control.call('POST', `${path}/recover`)).status).toBe(404);
  await Promise.all([purgeProjects(context), purgeProjects(context)]);
  await isGone(control);
  const removals = await control.db
    .selectFrom('operations')
    .select('id')
    .where('action', '=', 'delete_timeline')
    .execute();
  expect(removals).toHaveLength(2);
});

test('nothing is kept of a project that is deleted for good', async () => {
  await using control = await TestControl.open(postgres);
  const { path } = await createSettled(control);
  expect((await control.call('DELETE', `${path}?hard_delete=true`)).status).toBe(200);
  await isGone(control);
  expect(control.host.endpoints.size).toBe(0);
  expect((await control.call('POST', `${path}/recover`)).status).toBe(404);
});

test('a deleted project is not gone before its data is: a hard deletion ends its days', async () => {
  await using control = await TestControl.open(postgres);
  const { project, path } = await createSettled(control);
  const remove = (key: string) => control.call('DELETE', `${path}?hard_delete=true`, withKey(key));
  await control.call('DELETE', path);
  await isForgotten(control);
  expect(control.host.timelines.size).toBe(2);
  expect((await remove((await control.createMember('member')).key)).status).toBe(403);
  expect((await remove(await control.createStranger())).status).toBe(404);
  const { status, body } = await control.call<{ project: Project }>(
    'DELETE',
    `${path}?hard_delete=true`,
  );
  expect(status).toBe(200);
  expect(body.project).toMatchObject({ id: project.id, name: 'dear' });
  await isGone(control);
  expect((await control.call('POST', `${path}/recover`)).status).toBe(404);
  const listed = await control.call<ProjectList>('GET', '/projects?recoverable=true');
  expect(listed.body.projects).toEqual([]);
  expect((await remove(control.adminKey)).status).toBe(404);
});

test('nothing of a project that is deleted for good is due any more', async () => {
  await using control = await TestControl.open(postgres);
  const { project, branch, path } = await createSettled(control);
  const main = `${path}/branches/${branch.id}`;
  await control.call('POST', `${main}/snapshot?expires_at=2999-01-01T00:00:00Z`);
  const schedule = [{ frequency: 'daily', hour: 3 }];
  await control.call('PUT', `${main}/backup_schedule`, { payload: { schedule } });
  await control.settled(project.id);
  await sql`update branches set expires_at = now() + interval '1 hour'
    where project_id = ${project.id} and not is_default`.execute(control.db);
  expect(await countDue(control)).toEqual({ branches: 1, snapshots: 1, schedules: 1, turns: 1 });
  await control.call('DELETE', `${path}?hard_delete=true`);
  expect(await countDue(control)).toEqual({ branches: 0, snapshots: 0, schedules: 0, turns: 0 });
});

// What chores look for all the time.
async function countDue({ db }: TestControl): Promise<unknown> {
  const { rows } = await sql`
    select (select count(*) from branches where coalesce(expires_at, purge_at) is not null) as branches,
      (select count(*) from snapshots where expires_at is not null) as snapshots,
      (select count(*) from backup_schedules where next_at is not null) as schedules,
      (select count(*) from drill_turns) as turns`.execute(db);
  return rows[0];
}

test('a project that has no data yet is deleted without waiting for it', async () => {
  await using control = await TestControl.open(postgres, { hasHost: false });
  const { project } = await control.createProject();
  expect((await control.call('DELETE', `/projects/${project.id}`)).status).toBe(200);
  expect((await control.call('POST', `/projects/${project.id}/recover`)).status).toBe(404);
});

test('a project with a protected branch is not deleted, and only admins recover', async () => {
  await using control = await TestControl.open(postgres);
  const { path, branch } = await createSettled(control);
  const protect = (isProtected: boolean) =>
    control.call('PATCH', `${path}/branches/${branch.id}`, {
      payload: { branch: { protected: isProtected } },
    });
  await protect(true);
  expect((await control.call('DELETE', path)).status).toBe(422);
  await protect(false);
  expect((await control.call('DELETE', path)).status).toBe(200);
  const recover = (key: string) => control.call('POST', `${path}/recover`, withKey(key));
  expect((await recover((await control.createMember('member')).key)).status).toBe(403);
  expect((await recover(await control.createStranger())).status).toBe(404);
  expect((await recover((await control.createMember('admin')).key)).status).toBe(200);
});
