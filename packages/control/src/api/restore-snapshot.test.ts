import { PgfleetError } from '@pgfleet/contract';
import type {
  Branch,
  BackupSchedule,
  CreatedBranch,
  CreatedSnapshot,
  Endpoint,
  Operation,
  RestoredSnapshot,
  Snapshot,
} from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promiseWithRelease } from '../testing/promise-with-release.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
let control: TestControl;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres);
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

async function projectWithSnapshot() {
  const created = await control.createProject();
  const path = `/projects/${created.project.id}`;
  const settled = () => control.settled(created.project.id);
  await settled();
  const main = `${path}/branches/${created.branch.id}`;
  const { snapshot } = (await control.call<CreatedSnapshot>('POST', `${main}/snapshot?name=gold`))
    .body;
  await settled();
  const restore = (payload: object = {}, query = '') =>
    control.call<RestoredSnapshot>('POST', `${path}/snapshots/${snapshot.id}/restore${query}`, {
      payload,
    });
  const finalize = (branchId: string, payload: object = {}) =>
    control.call<{ operations: Operation[] }>(
      'POST',
      `${path}/branches/${branchId}/finalize_restore`,
      { payload },
    );
  const show = async (branchId: string) =>
    (await control.call<{ branch: Branch }>('GET', `${path}/branches/${branchId}`)).body.branch;
  const endpointsOf = async (branchId: string) => {
    const url = `${path}/branches/${branchId}/endpoints`;
    return (await control.call<{ endpoints: Endpoint[] }>('GET', url)).body.endpoints;
  };
  const branch = created.branch;
  const endpoint = created.endpoints[0]!;
  return {
    created,
    branch,
    endpoint,
    path,
    snapshot,
    settled,
    restore,
    finalize,
    show,
    endpointsOf,
  };
}

async function timelineOf(branchId: string) {
  const row = await control.db
    .selectFrom('branches')
    .innerJoin('timelines', 'timelines.id', 'branches.timeline_id')
    .select(['timelines.id', 'timelines.source'])
    .where('branches.id', '=', branchId as Branch['id'])
    .executeTakeFirstOrThrow();
  return row;
}

test('a snapshot is restored as a root with its data and the passwords of its source', async () => {
  const { created, path, snapshot, restore, settled, show, endpointsOf } =
    await projectWithSnapshot();
  // As of the time that the host says the data is of.
  await control.db
    .updateTable('roles')
    .set({ updated_at: new Date(control.host.head.at) })
    .where('branch_id', '=', created.branch.id)
    .execute();
  const { status, body } = await restore({ name: 'look' });
  expect(status).toBe(200);
  expect(body.branch).toMatchObject({
    name: 'look',
    current_state: 'init',
    pending_state: 'ready',
    default: false,
    restore_status: 'restored',
    restored_from: snapshot.id,
    restored_as: created.branch.id,
  });
  expect(body.branch).not.toHaveProperty('parent_id');
  expect(body).not.toHaveProperty('endpoints');
  expect(body.operations).toMatchObject([{ action: 'create_branch', status: 'running' }]);
  await settled();
  expect((await show(body.branch.id)).current_state).toBe('ready');
  expect(await endpointsOf(body.branch.id)).toEqual([]);
  const row = await control.db
    .selectFrom('snapshots')
    .select('timeline_id')
    .where('id', '=', snapshot.id)
    .executeTakeFirstOrThrow();
  const { id, source } = await timelineOf(body.branch.id);
  expect(source).toEqual({ kind: 'timeline', timelineId: row.timeline_id, at: { kind: 'head' } });
  expect(control.host.timelines.get(id)).toMatchObject({
    branchId: body.branch.id,
    initial: { roles: [], databases: [] },
  });
  const url = `${path}/branches/${body.branch.id}/roles/neondb_owner/reveal_password`;
  const { password } = created.roles[0]!;
  expect((await control.call('GET', url)).body).toEqual({ password });
});

test('a restored branch has a free name when none is given, and none that is taken', async () => {
  const { restore } = await projectWithSnapshot();
  const names = [];
  for (let n = 0; n < 2; n += 1) names.push((await restore()).body.branch.name);
  expect(names).toEqual(['gold (restored)', 'gold (restored) 2']);
  expect((await restore({}, '?name=old%20place')).body.branch.name).toBe('old place');
  expect((await restore({ name: 'main' })).status).toBe(409);
});

test('a password that was changed after the snapshot is the one of the restored branch', async () => {
  const { created, restore, settled } = await projectWithSnapshot();
  await control.db
    .updateTable('roles')
    .set({ verifier: 'SCRAM-SHA-256$new', updated_at: new Date(Date.now() + 1_000) })
    .where('branch_id', '=', created.branch.id)
    .execute();
  const { body } = await restore();
  await settled();
  const { id } = await timelineOf(body.branch.id);
  expect(control.host.timelines.get(id)?.initial.roles).toEqual([
    { name: 'neondb_owner', verifier: 'SCRAM-SHA-256$new' },
  ]);
});

test('a final restore takes the place of its target: name, default, endpoint, schedule', async () => {
  const { branch, endpoint, path, restore, settled, show, endpointsOf } =
    await projectWithSnapshot();
  const schedule = { schedule: [{ frequency: 'daily' }] };
  await control.call('PUT', `${path}/branches/${branch.id}/backup_schedule`, { payload: schedule });
  const { body } = await restore({ finalize_restore: true });
  expect(body.branch).toMatchObject({ name: 'main', default: true, restored_as: branch.id });
  expect(body.endpoints).toMatchObject([{ id: endpoint.id, branch_id: body.branch.id }]);
  expect(body.operations.map(({ action }) => action)).toEqual([
    'create_branch',
    'swap_binding_id',
    'start_compute',
  ]);
  const before = control.host.calls.length;
  const operations = await settled();
  expect(operations.every(({ status }) => status === 'finished')).toBe(true);
  expect(await show(body.branch.id)).toMatchObject({
    name: 'main',
    default: true,
    current_state: 'ready',
    restore_status: 'finalized',
  });
  const old = await show(branch.id);
  expect(old).toMatchObject({ name: 'main (old)', default: false });
  expect(await endpointsOf(branch.id)).toEqual([]);
  expect(await endpointsOf(body.branch.id)).toMatchObject([{ id: endpoint.id }]);
  const { id: timelineId } = await timelineOf(body.branch.id);
  expect(control.host.endpoints.get(endpoint.id)).toMatchObject({
    timelineId,
    branchId: body.branch.id,
    generation: 2,
  });
  const calls = control.host.calls.slice(before).filter((call) => call.endsWith(endpoint.id));
  expect(calls.at(-1)).toBe(`start ${endpoint.id}`);
  expect(calls).toContain(`putEndpoint ${endpoint.id}`);
  const moved = `${path}/branches/${body.branch.id}/backup_schedule`;
  expect((await control.call<BackupSchedule>('GET', moved)).body).toEqual(schedule);
  const left = `${path}/branches/${branch.id}/backup_schedule`;
  expect((await control.call<BackupSchedule>('GET', left)).body).toEqual({ schedule: [] });
});

test('a restore is looked at first and made final later, under names of one’s choice', async () => {
  const { branch, endpoint, path, restore, finalize, settled, show, endpointsOf } =
    await projectWithSnapshot();
  const { body } = await restore();
  await settled();
  const restored = body.branch.id;
  const look = await control.call<{ endpoint: Endpoint }>('POST', `${path}/endpoints`, {
    payload: { endpoint: { branch_id: restored, type: 'read_write' } },
  });
  await settled();
  const answer = await finalize(restored, { name: 'before' });
  expect(answer.status).toBe(200);
  expect(answer.body.operations.map(({ action }) => action)).toEqual([
    'swap_binding_id',
    'start_compute',
  ]);
  expect(await show(restored)).toMatchObject({ name: 'main', restore_status: 'finalized' });
  expect((await show(branch.id)).name).toBe('before');
  await settled();
  const looked = look.body.endpoint.id;
  expect(await endpointsOf(restored)).toMatchObject([{ id: endpoint.id, type: 'read_write' }]);
  expect(await endpointsOf(branch.id)).toMatchObject([{ id: looked, type: 'read_write' }]);
  const [young, old] = [await timelineOf(restored), await timelineOf(branch.id)];
  expect(control.host.timelines.get(young.id)).toMatchObject({ passwordsOf: old.id });
  expect(control.host.endpoints.get(endpoint.id)?.timelineId).toBe(young.id);
  expect(control.host.endpoints.get(looked)?.timelineId).toBe(old.id);
  expect(control.host.running.has(endpoint.id)).toBe(true);
  expect(control.host.running.has(looked)).toBe(false);
  expect((await finalize(restored)).status).toBe(422);
});

test('a snapshot replaces, again and again, the branch that has taken the place of its source', async () => {
  const { branch, path, snapshot, restore, settled, show } = await projectWithSnapshot();
  const { body: first } = await restore({ finalize_restore: true });
  await settled();
  const { body } = await control.call<{ snapshots: Snapshot[] }>('GET', `${path}/snapshots`);
  expect(body.snapshots).toMatchObject([{ id: snapshot.id, source_branch_id: first.branch.id }]);
  await control.call('DELETE', `${path}/branches/${branch.id}`);
  await settled();
  const { status, body: second } = await restore({ finalize_restore: true });
  expect(status).toBe(200);
  expect(second.branch).toMatchObject({ name: 'main', restored_as: first.branch.id });
  await settled();
  expect(await show(second.branch.id)).toMatchObject({ name: 'main', default: true });
  expect(await show(first.branch.id)).toMatchObject({ name: 'main (old)', default: false });
});

test('a branch that is no restored snapshot, or whose target is gone, cannot be made final', async () => {
  const { branch, path, restore, finalize, settled } = await projectWithSnapshot();
  expect((await finalize(branch.id)).status).toBe(422);
  const child = await control.call<CreatedBranch>('POST', `${path}/branches`, { payload: {} });
  await settled();
  const target = child.body.branch.id;
  const { body } = await restore({ target_branch_id: target });
  expect(body.branch.restored_as).toBe(target);
  expect((await finalize(body.branch.id)).status).toBe(422);
  await settled();
  await control.call('DELETE', `${path}/branches/${target}`);
  expect((await finalize(body.branch.id)).status).toBe(404);
  expect((await restore({ target_branch_id: target })).status).toBe(404);
});

test('a child that is replaced is left without a parent', async () => {
  const { path, restore, settled, show } = await projectWithSnapshot();
  const child = await control.call<CreatedBranch>('POST', `${path}/branches`, {
    payload: { branch: { name: 'child' } },
  });
  await settled();
  const { id } = child.body.branch;
  const { body } = await restore({ target_branch_id: id, finalize_restore: true });
  await settled();
  expect((await show(body.branch.id)).name).toBe('child');
  const old = await show(id);
  expect(old.name).toBe('child (old)');
  expect(old).not.toHaveProperty('parent_id');
});

test('a protected branch is not replaced', async () => {
  const { branch, path, restore, finalize, settled } = await projectWithSnapshot();
  const { body } = await restore();
  await settled();
  const payload = { branch: { protected: true } };
  await control.call('PATCH', `${path}/branches/${branch.id}`, { payload });
  expect((await finalize(body.branch.id)).status).toBe(422);
  expect((await restore({ finalize_restore: true })).status).toBe(422);
  expect((await restore()).status).toBe(200);
});

test('a final restore whose data cannot be made leaves everything as it was', async () => {
  const { branch, endpoint, restore, settled, show, endpointsOf } = await projectWithSnapshot();
  control.host.intercept = (call) => {
    if (call.startsWith('putTimeline')) throw new PgfleetError('history_damaged');
  };
  const { body } = await restore({ finalize_restore: true });
  const operations = await settled();
  control.host.intercept = () => undefined;
  expect(operations.slice(0, 3).map(({ status }) => status)).toEqual([
    'failed',
    'failed',
    'failed',
  ]);
  expect(await show(branch.id)).toMatchObject({ name: 'main', default: true });
  expect(await endpointsOf(branch.id)).toMatchObject([{ id: endpoint.id }]);
  expect((await show(body.branch.id)).restore_status).toBe('restored');
  expect(control.host.running.has(endpoint.id)).toBe(true);
});

test('a snapshot that is deleted while it is restored is kept until the restore is done', async () => {
  const { path, snapshot, restore, settled } = await projectWithSnapshot();
  const { held, release } = promiseWithRelease();
  control.host.intercept = (call) => (call.startsWith('putTimeline') ? held : undefined);
  const before = control.host.calls.length;
  await restore();
  const calls = () => control.host.calls.slice(before).map((call) => call.split(' ')[0]);
  await waitUntil(() => calls().includes('putTimeline'), { what: 'a call', timeoutMs: 10_000 });
  await control.call('DELETE', `${path}/snapshots/${snapshot.id}`);
  await waitUntil(
    async () => {
      const row = await control.db
        .selectFrom('operations')
        .selectAll()
        .where('snapshot_id', '=', snapshot.id)
        .where('action', '=', 'delete_timeline')
        .executeTakeFirst();
      return row?.started_at && row.lease_owner === null;
    },
    { what: 'the deletion to wait', timeoutMs: 10_000 },
  );
  expect(calls()).not.toContain('deleteTimeline');
  release();
  control.host.intercept = () => undefined;
  const operations = await settled();
  expect(operations.every(({ status }) => status === 'finished')).toBe(true);
  expect(calls().at(-1)).toBe('deleteTimeline');
});
