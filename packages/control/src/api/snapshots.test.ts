import { PgfleetError } from '@pgfleet/contract';
import type { CreatedProject, CreatedSnapshot, Operation, Snapshot } from '@pgfleet/contract';
import { RpcUnreachableError, waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

async function projectAtRest(control: TestControl): Promise<CreatedProject> {
  const created = await control.createProject();
  await control.settled(created.project.id);
  return created;
}

function take(control: TestControl, { project, branch }: CreatedProject, query = '') {
  const path = `/projects/${project.id}/branches/${branch.id}/snapshot`;
  return control.call<CreatedSnapshot>('POST', query === '' ? path : `${path}?${query}`);
}

async function list(control: TestControl, { project }: CreatedProject) {
  const path = `/projects/${project.id}/snapshots`;
  const { body } = await control.call<{ snapshots: Snapshot[] }>('GET', path);
  return body.snapshots;
}

test('a snapshot of the head holds what was committed when it was asked for', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectAtRest(control);
  const { status, body } = await take(control, created, 'name=before%20release');
  expect(status).toBe(200);
  expect(body.snapshot).toMatchObject({
    name: 'before release',
    lsn: control.host.head.lsn,
    source_branch_id: created.branch.id,
    manual: true,
  });
  expect(body.snapshot).not.toHaveProperty('full_size');
  expect(body.operations).toMatchObject([
    { action: 'create_timeline', branch_id: created.branch.id, status: 'running' },
  ]);
  await control.settled(created.project.id);
  const [branchTimeline, timeline] = [...control.host.timelines.values()];
  expect(timeline).toMatchObject({
    source: {
      kind: 'timeline',
      timelineId: branchTimeline!.timelineId,
      at: { kind: 'lsn', lsn: control.host.head.lsn },
    },
    initial: { roles: [], databases: [] },
    historyRetentionSeconds: 0,
  });
  expect(await list(control, created)).toMatchObject([
    {
      id: body.snapshot.id,
      lsn: control.host.head.lsn,
      timestamp: '2026-01-02T03:04:05Z',
      full_size: 30_000_000,
    },
  ]);
});

test('a snapshot has a name that says of what and when it is, and may expire', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectAtRest(control);
  const timestamp = new Date().toISOString();
  const second = `${timestamp.slice(0, 19)}Z`;
  const query = `timestamp=${timestamp}&expires_at=2999-01-01T00:00:00Z`;
  const { body } = await take(control, created, query);
  expect(body.snapshot.name).toMatch(/^main at \d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
  expect(body.snapshot).toMatchObject({
    timestamp: second,
    expires_at: '2999-01-01T00:00:00Z',
  });
  await control.settled(created.project.id);
  const [, timeline] = [...control.host.timelines.values()];
  expect(timeline?.source).toMatchObject({
    at: { kind: 'time', at: timestamp.replace('Z', '000Z') },
  });
  const [snapshot] = await list(control, created);
  expect(snapshot).toMatchObject({ lsn: control.host.head.lsn, timestamp: second });
});

test('a branch that is just being made has a snapshot of its head as soon as there is one', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const created = await control.createProject();
  const { status, body } = await take(control, created);
  expect(status).toBe(200);
  expect(body.snapshot).not.toHaveProperty('lsn');
  expect((await take(control, created, 'lsn=0/1')).status).toBe(422);
  await using _worker = control.openWorker();
  await control.settled(created.project.id);
  expect(await list(control, created)).toMatchObject([{ lsn: control.host.head.lsn }]);
});

test.each([
  ['lsn=0/1&timestamp=2026-01-01T00:00:00Z', 'both'],
  ['lsn=nonsense', 'lsn'],
  ['timestamp=yesterday', 'timestamp'],
  ['expires_at=2001-01-01T00:00:00Z', 'future'],
])('a snapshot of %s is refused', async (query, problem) => {
  await using control = await TestControl.open(postgres, { works: false });
  const { status, body } = await take(control, await control.createProject(), query);
  expect(status).toBe(400);
  expect(body).toMatchObject({ message: expect.stringContaining(problem) as string });
});

test('a point out of the window, a host that is away: an error, and no snapshot', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectAtRest(control);
  control.host.intercept = () => {
    throw new PgfleetError('point_not_available');
  };
  expect((await take(control, created, 'lsn=0/1')).status).toBe(400);
  control.host.intercept = () => {
    throw new RpcUnreachableError('gone');
  };
  const away = await take(control, created);
  expect(away).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(await list(control, created)).toEqual([]);
});

test('only a root branch can have a snapshot taken', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectAtRest(control);
  const other = await projectAtRest(control);
  await control.db
    .updateTable('branches')
    .set({ parent_id: other.branch.id })
    .where('id', '=', created.branch.id)
    .execute();
  expect((await take(control, created)).status).toBe(422);
});

test('a snapshot is renamed, and its expiration is set and taken away', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectAtRest(control);
  const { body: taken } = await take(control, created);
  const path = `/projects/${created.project.id}/snapshots/${taken.snapshot.id}`;
  const patch = (snapshot: object) =>
    control.call<{ snapshot: Snapshot }>('PATCH', path, { payload: { snapshot } });
  const set = await patch({ name: 'gold', expires_at: '2999-01-01T02:00:00+02:00' });
  expect(set.body.snapshot).toMatchObject({ name: 'gold', expires_at: '2999-01-01T00:00:00Z' });
  const cleared = await patch({ expires_at: null });
  expect(cleared.body.snapshot.name).toBe('gold');
  expect(cleared.body.snapshot).not.toHaveProperty('expires_at');
  expect((await patch({ expires_at: '2001-01-01T00:00:00Z' })).status).toBe(400);
  expect((await patch({ name: '' })).status).toBe(400);
});

test('a deleted snapshot leaves the list at once and the host soon', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectAtRest(control);
  const { body: taken } = await take(control, created);
  const path = `/projects/${created.project.id}/snapshots/${taken.snapshot.id}`;
  const { status, body } = await control.call<{ operations: Operation[] }>('DELETE', path);
  expect(status).toBe(202);
  expect(body.operations).toMatchObject([{ action: 'delete_timeline' }]);
  expect(await list(control, created)).toEqual([]);
  expect((await control.call('DELETE', path)).status).toBe(404);
  const operations = await control.settled(created.project.id);
  expect(operations[0]).toMatchObject({ action: 'delete_timeline', status: 'finished' });
  expect([...control.host.timelines.values()]).toMatchObject([{ branchId: created.branch.id }]);
  expect(control.host.timelines.size).toBe(1);
  expect(control.host.endpoints.size).toBe(1);
});

test('the snapshots of a deleted project are deleted with it', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectAtRest(control);
  await take(control, created);
  await control.settled(created.project.id);
  expect(control.host.timelines.size).toBe(2);
  await control.call('DELETE', `/projects/${created.project.id}?hard_delete=true`);
  await waitUntil(() => control.host.timelines.size === 0, {
    what: 'all timelines to be deleted',
    timeoutMs: 10_000,
  });
});

test('nobody sees or touches the snapshots of another organization', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectAtRest(control);
  const { body: taken } = await take(control, created);
  const headers = { authorization: `Bearer ${await control.createStranger()}` };
  const path = `/projects/${created.project.id}/snapshots`;
  expect((await control.call('GET', path, { headers })).status).toBe(404);
  const one = `${path}/${taken.snapshot.id}`;
  expect((await control.call('DELETE', one, { headers })).status).toBe(404);
  const payload = { snapshot: { name: 'mine' } };
  expect((await control.call('PATCH', one, { headers, payload })).status).toBe(404);
  const other = await projectAtRest(control);
  const elsewhere = `/projects/${other.project.id}/snapshots/${taken.snapshot.id}`;
  expect((await control.call('DELETE', elsewhere)).status).toBe(404);
});
