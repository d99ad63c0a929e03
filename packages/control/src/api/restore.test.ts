import { PgfleetError } from '@pgfleet/contract';
import type { Branch, CreatedBranch, Operation, TimelineId } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { swingBranch } from '../store/restore-branch.ts';
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

interface BranchAnswer {
  readonly branch: Branch;
  readonly operations: readonly Operation[];
}

const endpoints = [{ type: 'read_write' }];

async function createReady(its = control) {
  const created = await its.createProject();
  const { id } = created.project;
  await its.settled(id);
  const path = `/projects/${id}`;
  const show = async (branchId: string) =>
    (await its.call<{ branch: Branch }>('GET', `${path}/branches/${branchId}`)).body.branch;
  const branchOff = async (body: object = {}) => {
    const answer = await its.call<CreatedBranch>('POST', `${path}/branches`, { payload: body });
    if (answer.status !== 201) throw new Error(`branch answered ${JSON.stringify(answer.body)}`);
    await its.settled(id);
    return answer.body;
  };
  const restore = (branchId: string, payload: object) =>
    its.call<BranchAnswer>('POST', `${path}/branches/${branchId}/restore`, { payload });
  const listed = async () =>
    (await its.call<{ branches: Branch[] }>('GET', `${path}/branches`)).body.branches;
  const settled = () => its.settled(id);
  return { ...created, id, path, main: created.branch, show, branchOff, restore, listed, settled };
}

async function presentTimeline(branchId: string): Promise<TimelineId> {
  const row = await control.db
    .selectFrom('branches')
    .select('timeline_id')
    .where('id', '=', branchId as Branch['id'])
    .executeTakeFirstOrThrow();
  return row.timeline_id;
}

test('a branch goes back to its own past: the same id and endpoint on another timeline, the old state as parent', async () => {
  const { main, endpoints: own, restore, show, settled, path, roles } = await createReady();
  const former = await presentTimeline(main.id);
  const { status, body } = await restore(main.id, {
    source_branch_id: main.id,
    source_lsn: '0/1C00028',
    preserve_under_name: 'before',
  });
  expect(status).toBe(200);
  expect(body.branch).toMatchObject({
    id: main.id,
    name: 'main',
    current_state: 'resetting',
    pending_state: 'ready',
    default: true,
    parent_lsn: '0/1C00028',
    last_reset_at: expect.any(String) as string,
  });
  expect(body.operations.map(({ action, status: state }) => `${action} ${state}`)).toEqual([
    'create_branch running',
    'start_compute scheduling',
  ]);
  expect((await show(body.branch.parent_id!)).name).toBe('before');

  await settled();
  const present = await presentTimeline(main.id);
  expect(present).not.toBe(former);
  expect(control.host.timelines.get(present)).toMatchObject({
    branchId: main.id,
    source: { kind: 'timeline', timelineId: former, at: { kind: 'lsn', lsn: '0/1C00028' } },
    passwordsOf: former,
    initial: { roles: [], databases: [] },
  });
  expect(control.host.endpoints.get(own[0]!.id)).toMatchObject({
    timelineId: present,
    generation: 2,
  });
  expect(control.host.running.has(own[0]!.id)).toBe(true);
  const restored = await show(main.id);
  expect(restored).toMatchObject({
    current_state: 'ready',
    parent_lsn: control.host.head.lsn,
    parent_timestamp: `${control.host.head.at.slice(0, 19)}Z`,
  });
  expect(restored.last_reset_at).toBeDefined();

  const backup = await show(restored.parent_id!);
  expect(backup).toMatchObject({ name: 'before', current_state: 'ready', default: false });
  expect(backup).not.toHaveProperty('parent_id');
  expect(await presentTimeline(backup.id)).toBe(former);
  expect(control.host.timelines.get(former)).toMatchObject({ branchId: backup.id });
  for (const branchId of [main.id, backup.id]) {
    const url = `${path}/branches/${branchId}/roles/neondb_owner/reveal_password`;
    expect((await control.call('GET', url)).body).toEqual({ password: roles[0]!.password });
  }
});

test('the host is told which timeline its endpoints serve before the new one is started', async () => {
  const { main, endpoints: own, restore, settled } = await createReady();
  const begin = control.host.calls.length;
  await restore(main.id, {
    source_branch_id: main.id,
    source_timestamp: new Date().toISOString(),
    preserve_under_name: 'before',
  });
  await settled();
  const calls = control.host.calls.slice(begin).map((call) => call.split(' ')[0]);
  // The operation of the branch that keeps the former state goes on beside.
  const first = new Set(calls.filter((call) => call !== 'timeline'));
  expect([...first]).toEqual(['resolvePoint', 'putTimeline', 'content', 'putEndpoint', 'start']);
  expect(control.host.running.has(own[0]!.id)).toBe(true);
});

test('a restore is opened beside the present before its branch goes over to it', async () => {
  const { main, endpoints: own, restore, settled } = await createReady();
  const former = await presentTimeline(main.id);
  const presentAtOpening: TimelineId[] = [];
  control.host.postpones = true;
  control.host.intercept = async (call) => {
    if (call.startsWith('openNext')) presentAtOpening.push(await presentTimeline(main.id));
  };
  const wish = { source_branch_id: main.id, source_lsn: '0/1C00028', preserve_under_name: 'kept' };
  await restore(main.id, wish);
  await settled();
  expect(presentAtOpening).toEqual([former]);
  const present = await presentTimeline(main.id);
  expect(control.host.calls).toContain(`openNext ${own[0]!.id} ${present}`);

  // One that cannot be opened is recovered without.
  control.host.intercept = (call) => {
    if (call.startsWith('openNext')) throw new PgfleetError('quota_exceeded');
  };
  await restore(main.id, { ...wish, preserve_under_name: 'kept again' });
  const operations = await settled();
  control.host.intercept = () => undefined;
  control.host.postpones = false;
  expect(operations.every(({ status }) => status === 'finished')).toBe(true);
  expect(await presentTimeline(main.id)).not.toBe(present);
});

test('the children move to the branch that keeps the old state', async () => {
  const { main, branchOff, restore, settled, show } = await createReady();
  const { branch: child } = await branchOff();
  const { body } = await restore(main.id, {
    source_branch_id: child.id,
    preserve_under_name: 'before',
  });
  await settled();
  const backupId = body.branch.parent_id!;
  expect((await show(child.id)).parent_id).toBe(backupId);
  expect((await show(main.id)).parent_id).toBe(backupId);
});

test('a reset takes the head of the parent, and the former data goes', async () => {
  const { main, branchOff, restore, settled, show } = await createReady();
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  const { branch, endpoints: own } = await branchOff({ branch: { expires_at }, endpoints });
  await control.db
    .updateTable('branches')
    .set({ expires_at: new Date(Date.now() + 60_000) })
    .where('id', '=', branch.id)
    .execute();
  const former = await presentTimeline(branch.id);
  const { body } = await restore(branch.id, { source_branch_id: main.id });
  expect(body.branch.parent_id).toBe(main.id);
  await settled();
  const present = await presentTimeline(branch.id);
  expect(control.host.timelines.get(present)!.source).toMatchObject({
    timelineId: await presentTimeline(main.id),
    at: { kind: 'lsn', lsn: control.host.head.lsn },
  });
  expect(control.host.timelines.has(former)).toBe(false);
  expect(control.host.endpoints.get(own[0]!.id)!.timelineId).toBe(present);
  const after = await show(branch.id);
  expect(after).toMatchObject({ parent_id: main.id, current_state: 'ready' });
  expect(Date.parse(after.expires_at!)).toBeGreaterThan(Date.now() + 3_500_000);
});

test('a branch restored from another one that is not its parent becomes its child', async () => {
  const { branchOff, restore, settled, show } = await createReady();
  const { branch: one } = await branchOff();
  const { branch: other } = await branchOff();
  await restore(one.id, { source_branch_id: other.id });
  await settled();
  expect((await show(one.id)).parent_id).toBe(other.id);
});

test('a compute that slept goes on sleeping', async () => {
  const { id, path, main, endpoints: own, restore } = await createReady();
  await control.call('POST', `${path}/endpoints/${own[0]!.id}/suspend`);
  await control.settled(id);
  const { body } = await restore(main.id, {
    source_branch_id: main.id,
    source_lsn: '0/1C00028',
    preserve_under_name: 'before',
  });
  expect(body.operations.map(({ action }) => action)).toEqual(['create_branch']);
  await control.settled(id);
  expect(control.host.running.has(own[0]!.id)).toBe(false);
});

test('the password of a branch whose parent is protected stays when it is reset', async () => {
  const { path, main, branchOff, restore, settled } = await createReady();
  const protect = { payload: { branch: { protected: true } } };
  await control.call('PATCH', `${path}/branches/${main.id}`, protect);
  const { branch } = await branchOff();
  const first = control.host.timelines.get(await presentTimeline(branch.id))!;
  await restore(branch.id, { source_branch_id: main.id });
  await settled();
  const second = control.host.timelines.get(await presentTimeline(branch.id))!;
  expect(second.initial).toEqual(first.initial);
  expect(second.initial.roles).toHaveLength(1);
});

test('what cannot be restored is refused, and nothing is changed', async () => {
  const { path, main, branchOff, restore, listed } = await createReady();
  const { branch: parent } = await branchOff({ branch: { name: 'parent' } });
  const { branch: child } = await branchOff({ branch: { parent_id: parent.id, name: 'child' } });
  const { branch: guarded } = await branchOff({ branch: { protected: true } });
  const lsn = { source_lsn: '0/1C00028' };
  const kept = { preserve_under_name: 'kept' };
  const future = { source_timestamp: new Date(Date.now() + 60_000).toISOString() };
  const refusals: [string, object, number, string][] = [
    [main.id, { source_branch_id: main.id, ...kept }, 400, 'source_lsn or source_timestamp'],
    [child.id, { source_branch_id: child.id, ...lsn }, 400, 'preserve_under_name is required'],
    [parent.id, { source_branch_id: main.id }, 422, 'has children'],
    [guarded.id, { source_branch_id: main.id }, 422, 'protected'],
    [child.id, { source_branch_id: 'br-none' }, 404, 'branch not found'],
    ['br-none', { source_branch_id: main.id }, 404, 'branch not found'],
    [child.id, {}, 400, 'source_branch_id'],
    [child.id, { source_branch_id: main.id, ...lsn, ...future }, 400, 'both'],
    [child.id, { source_branch_id: main.id, ...future }, 400, 'future'],
    [child.id, { source_branch_id: main.id, preserve_under_name: 'main' }, 409, 'same name'],
  ];
  const before = await listed();
  for (const [id, payload, status, message] of refusals) {
    const answer = await restore(id, payload);
    expect([answer.status, answer.body]).toMatchObject([
      status,
      { message: expect.stringContaining(message) as string },
    ]);
  }
  control.host.intercept = (call) => {
    if (call.startsWith('resolvePoint')) throw new PgfleetError('point_not_available');
  };
  expect((await restore(child.id, { source_branch_id: main.id, ...lsn })).status).toBe(400);
  control.host.intercept = () => undefined;
  expect(await listed()).toEqual(before);
  expect((await control.call('GET', `${path}/branches/count`)).body).toEqual({ count: 4 });
});

test('changes of a branch that is being restored wait for their turn', async () => {
  const { path, main, branchOff, restore, listed, settled } = await createReady();
  const { branch } = await branchOff();
  const { held, release } = promiseWithRelease();
  control.host.intercept = (call) => (call.startsWith('putTimeline') ? held : undefined);
  const payload = { source_branch_id: main.id };
  const former = await presentTimeline(branch.id);
  await restore(branch.id, { ...payload, preserve_under_name: 'first' });
  const again = restore(branch.id, { ...payload, preserve_under_name: 'second' });
  const child = control.call<CreatedBranch>('POST', `${path}/branches`, {
    payload: { branch: { parent_id: branch.id } },
  });
  release();
  expect([(await again).status, (await child).status]).toEqual([200, 201]);
  control.host.intercept = () => undefined;
  await settled();
  const made = await presentTimeline((await child).body.branch.id);
  const sources = control.host.puts.map(({ timelineId, source }) => [timelineId, source]);
  expect(new Map(sources as [string, object][]).get(made)).not.toMatchObject({
    timelineId: former,
  });
  expect((await listed()).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['first', 'second']),
  );
});

test('while a restore goes on and on other changes of its branch are told to come back', async () => {
  await using hasty = await TestControl.open(postgres, { patienceMs: 100 });
  const { path, main, branchOff, restore, settled } = await createReady(hasty);
  const { branch } = await branchOff();
  const { held, release } = promiseWithRelease();
  hasty.host.intercept = (call) => (call.startsWith('putTimeline') ? held : undefined);
  await restore(branch.id, { source_branch_id: main.id, preserve_under_name: 'before' });
  const again = await restore(branch.id, { source_branch_id: main.id });
  expect(again.status).toBe(423);
  expect((await hasty.call('DELETE', `${path}/branches/${branch.id}`)).status).toBe(423);
  const child = { payload: { branch: { parent_id: branch.id } } };
  expect((await hasty.call('POST', `${path}/branches`, child)).status).toBe(423);
  const renamed = await hasty.call('PATCH', `${path}/branches/${branch.id}`, {
    payload: { branch: { name: 'renamed' } },
  });
  expect(renamed.status).toBe(200);
  release();
  hasty.host.intercept = () => undefined;
  await settled();
});

test('a request whose turn has come is answered in time though the host is silent', async () => {
  await using hasty = await TestControl.open(postgres, { patienceMs: 1_000 });
  const { path, main, branchOff, restore, settled } = await createReady(hasty);
  const { branch } = await branchOff();
  const making = promiseWithRelease();
  const asking = promiseWithRelease();
  let asked = 0;
  hasty.host.intercept = (call) => (call.startsWith('putTimeline') ? making.held : undefined);
  await restore(branch.id, { source_branch_id: main.id, preserve_under_name: 'before' });
  hasty.host.intercept = (call) => {
    if (call.startsWith('putTimeline')) return making.held;
    if (!call.startsWith('resolvePoint')) return undefined;
    asked += 1;
    return asking.held;
  };
  const child = { payload: { branch: { parent_id: branch.id } } };
  const answer = hasty.call('POST', `${path}/branches`, child);
  making.release();
  expect((await answer).status).toBe(423);
  expect(asked).toBe(1);
  asking.release();
  hasty.host.intercept = () => undefined;
  await settled();
});

test('settings of an endpoint that Postgres refuses are no reason for a restore to fail', async () => {
  await using own = await TestControl.open(postgres);
  const { main, restore, settled, path } = await createReady(own);
  own.host.intercept = (call) => {
    if (call.startsWith('putEndpoint')) throw new PgfleetError('invalid_request');
  };
  await restore(main.id, {
    source_branch_id: main.id,
    source_lsn: '0/1C00028',
    preserve_under_name: 'before',
  });
  await settled();
  const { body } = await own.call<{ operations: Operation[] }>('GET', `${path}/operations`);
  expect(body.operations.filter(({ status }) => status !== 'finished')).toEqual([]);
});

test('a restore that fails for good leaves the branch as it was', async () => {
  const { path, main, branchOff, restore, settled, show, listed } = await createReady();
  const { branch: child } = await branchOff();
  const former = await presentTimeline(main.id);
  const before = (await listed()).map(({ id, name, parent_id }) => ({ id, name, parent_id }));
  control.host.intercept = (call) => {
    if (call.startsWith('putTimeline')) throw new PgfleetError('history_damaged');
  };
  const wish = { source_branch_id: main.id, source_lsn: '0/1C00028', preserve_under_name: 'kept' };
  const { body } = await restore(main.id, wish);
  expect((await show(child.id)).parent_id).toBe(body.branch.parent_id);
  const operations = await settled();
  control.host.intercept = () => undefined;
  expect(operations.find(({ action }) => action === 'create_branch')).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('damaged') as string,
  });
  expect(await presentTimeline(main.id)).toBe(former);
  const after = await listed();
  const shown = after.map(({ id, name, parent_id }) => ({ id, name, parent_id }));
  expect(shown.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual(
    before.toSorted((a, b) => a.id.localeCompare(b.id)),
  );
  expect(after.every(({ current_state: state }) => state === 'ready')).toBe(true);
  expect(control.host.timelines.has(former)).toBe(true);
  const all = await control.call('GET', `${path}/branches?include_deleted=true`);
  expect(JSON.stringify(all.body)).not.toContain('kept');
  expect((await restore(main.id, wish)).status).toBe(200);
  await settled();
});

async function swing({ db }: TestControl): Promise<boolean> {
  const operation = await db
    .selectFrom('operations')
    .selectAll()
    .where('action', '=', 'create_branch')
    .executeTakeFirstOrThrow();
  return swingBranch(db, operation);
}

test.each(['swing', 'announce'])(
  'a restore that was cut off in its step %s goes on where it was',
  async (step) => {
    await using own = await TestControl.open(postgres, { works: false });
    const { project, branch, endpoints: made } = await own.createProject();
    {
      await using _worker = own.openWorker();
      await own.settled(project.id);
    }
    const source = [...own.host.timelines.values()][0]!;
    await own.call('POST', `/projects/${project.id}/branches/${branch.id}/restore`, {
      payload: {
        source_branch_id: branch.id,
        source_lsn: '0/1C00028',
        preserve_under_name: 'before',
      },
    });
    const { timeline_id: timelineId } = await own.db
      .selectFrom('operations')
      .select('timeline_id')
      .where('action', '=', 'create_branch')
      .executeTakeFirstOrThrow();
    own.host.timelines.set(timelineId!, { ...source, timelineId: timelineId! });
    const isSwung = step === 'announce' ? [await swing(own), await swing(own)] : [];
    expect(isSwung.every(Boolean)).toBe(true);
    await own.db
      .updateTable('operations')
      .set({ step, status: 'running' })
      .where('action', '=', 'create_branch')
      .execute();
    await using _worker = own.openWorker();
    const operations = await own.settled(project.id);
    expect(operations.every(({ status }) => status === 'finished')).toBe(true);
    expect(own.host.endpoints.get(made[0]!.id)).toMatchObject({ timelineId, generation: 2 });
    expect(own.host.running.has(made[0]!.id)).toBe(true);
    expect(own.host.timelines.has(source.timelineId)).toBe(true);
  },
);

test('a timeline that something is still being made of is not deleted before that is done', async () => {
  const { path, branchOff, restore, settled } = await createReady();
  const { branch: one } = await branchOff();
  const { branch: other } = await branchOff();
  const source = await presentTimeline(other.id);
  const { held, release } = promiseWithRelease();
  control.host.intercept = (call) => (call.startsWith('putTimeline') ? held : undefined);
  await restore(one.id, { source_branch_id: other.id });
  await control.call('DELETE', `${path}/branches/${other.id}?hard_delete=true`);
  await waitUntil(
    async () => {
      const deletion = await control.db
        .selectFrom('operations')
        .select(['lease_owner', 'step'])
        .where('branch_id', '=', other.id)
        .where('action', '=', 'delete_timeline')
        .executeTakeFirstOrThrow();
      return deletion.step === 'timeline' && deletion.lease_owner === null;
    },
    { what: 'the deletion to wait', timeoutMs: 10_000 },
  );
  expect(control.host.timelines.has(source)).toBe(true);
  release();
  control.host.intercept = () => undefined;
  const operations = await settled();
  expect(operations.every(({ status }) => status === 'finished')).toBe(true);
  expect(control.host.timelines.has(source)).toBe(false);
});
