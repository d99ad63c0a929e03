import type {
  BackupScheduleItem,
  CreatedBranch,
  CreatedProject,
  Snapshot,
} from '@pgfleet/contract';
import { silentLogger } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expireSnapshots } from '../chores/expire-snapshots.ts';
import { fireBackupSchedules } from '../chores/fire-backup-schedules.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const hourly: BackupScheduleItem = { frequency: 'hourly', retention_seconds: 7_200 };
const daily: BackupScheduleItem = { frequency: 'daily', hour: 3, retention_seconds: 86_400 };

type Owner = Pick<CreatedProject, 'project' | 'branch'>;

function put(control: TestControl, of: Owner, schedule: readonly object[]) {
  return control.call('PUT', schedulePath(of), { payload: { schedule } });
}

function schedulePath({ project, branch }: Owner): string {
  return `/projects/${project.id}/branches/${branch.id}/backup_schedule`;
}

async function snapshots(control: TestControl, { project }: CreatedProject) {
  const path = `/projects/${project.id}/snapshots`;
  const { body } = await control.call<{ snapshots: Snapshot[] }>('GET', path);
  return body.snapshots;
}

async function nextAt(control: TestControl): Promise<Date | null> {
  const row = await control.db
    .selectFrom('backup_schedules')
    .select('next_at')
    .executeTakeFirstOrThrow();
  return row.next_at;
}

function contextOf(control: TestControl) {
  return { db: control.db, worker: { kick: () => undefined }, log: silentLogger() };
}

test('a schedule is empty until it is set, and is shown as it was set', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const created = await control.createProject();
  expect((await control.call('GET', schedulePath(created))).body).toEqual({ schedule: [] });
  expect(await put(control, created, [daily, hourly])).toMatchObject({ status: 200, body: {} });
  const shown = await control.call('GET', schedulePath(created));
  expect(shown.body).toEqual({ schedule: [daily, hourly] });
  await put(control, created, []);
  expect((await control.call('GET', schedulePath(created))).body).toEqual({ schedule: [] });
  expect(await nextAt(control)).toBeNull();
});

test.each([
  [{ frequency: 'fortnightly' }],
  [{ frequency: 'daily', hour: 24 }],
  [{ frequency: 'weekly', day: 8 }],
  [{ frequency: 'yearly', month: 13 }],
  [{ frequency: 'daily', retention_seconds: 60 }],
  [{ hour: 3 }],
])('a schedule with %o is refused', async (item) => {
  await using control = await TestControl.open(postgres, { works: false });
  expect((await put(control, await control.createProject(), [item])).status).toBe(400);
});

test('a branch with a parent takes an empty schedule only', async () => {
  await using control = await TestControl.open(postgres);
  const { project } = await control.createProject();
  await control.settled(project.id);
  const path = `/projects/${project.id}/branches`;
  const { body } = await control.call<CreatedBranch>('POST', path, { payload: {} });
  const child = { project, branch: body.branch };
  expect(await put(control, child, [hourly])).toMatchObject({
    status: 422,
    body: { message: 'snapshots can be taken of root branches only' },
  });
  expect((await control.call('GET', schedulePath(child))).body).toEqual({ schedule: [] });
  expect((await put(control, child, [])).status).toBe(200);
});

test('the schedule of a root that gets a parent by a restore goes on until it is emptied', async () => {
  await using control = await TestControl.open(postgres);
  const created = await control.createProject();
  const { project, branch } = created;
  await control.settled(project.id);
  await put(control, created, [hourly]);
  const restored = await control.call(
    'POST',
    `/projects/${project.id}/branches/${branch.id}/restore`,
    {
      payload: {
        source_branch_id: branch.id,
        source_lsn: '0/1C00028',
        preserve_under_name: 'before',
      },
    },
  );
  expect(restored.status).toBe(200);
  await control.settled(project.id);
  await fireBackupSchedules(contextOf(control), (await nextAt(control))!);
  control.worker!.kick();
  await control.settled(project.id);
  expect(await snapshots(control, created)).toMatchObject([{ source_branch_id: branch.id }]);
  expect((await put(control, created, [daily])).status).toBe(422);
  expect((await put(control, created, [])).status).toBe(200);
  expect(await nextAt(control)).toBeNull();
});

test('a schedule fires when it is due, and the next time an hour later', async () => {
  await using control = await TestControl.open(postgres);
  const created = await control.createProject();
  await put(control, created, [hourly]);
  await fireBackupSchedules(contextOf(control));
  expect(await snapshots(control, created)).toEqual([]);
  const due = (await nextAt(control))!;
  const now = new Date(due.getTime() + 90_000);
  await fireBackupSchedules(contextOf(control), now);
  control.worker!.kick();
  await control.settled(created.project.id);
  const time = `${now.toISOString().slice(0, 19)}Z`;
  expect(await snapshots(control, created)).toMatchObject([
    {
      name: `main at ${time}`,
      manual: false,
      created_at: time,
      expires_at: `${new Date(now.getTime() + 7_200_000).toISOString().slice(0, 19)}Z`,
      lsn: control.host.head.lsn,
    },
  ]);
  expect(await nextAt(control)).toEqual(new Date(due.getTime() + 3_600_000));
  await fireBackupSchedules(contextOf(control), now);
  expect(await snapshots(control, created)).toHaveLength(1);
});

test('several replicas that look at once take one snapshot', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const created = await control.createProject();
  await put(control, created, [hourly]);
  const due = (await nextAt(control))!;
  await Promise.all(Array.from({ length: 6 }, () => fireBackupSchedules(contextOf(control), due)));
  expect(await snapshots(control, created)).toHaveLength(1);
});

test('what was missed while nobody looked fires once, and is kept as long as any of it', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const created = await control.createProject();
  await put(control, created, [hourly, daily]);
  const due = (await nextAt(control))!;
  const now = new Date(due.getTime() + 50 * 3_600_000);
  await fireBackupSchedules(contextOf(control), now);
  const [snapshot, ...more] = await snapshots(control, created);
  expect(more).toEqual([]);
  expect(Date.parse(snapshot!.expires_at!)).toBeGreaterThan(now.getTime() + 86_390_000);
  expect((await nextAt(control))!.getTime()).toBe(due.getTime() + 51 * 3_600_000);
});

test('a schedule that cannot be fired does not keep the others waiting', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const [broken, whole] = [await control.createProject(), await control.createProject()];
  await put(control, broken, [hourly]);
  await put(control, whole, [hourly]);
  const due = (await nextAt(control))!;
  const nonsense = JSON.stringify([{ frequency: 'never' }]);
  await control.db
    .updateTable('backup_schedules')
    .set({ schedule: nonsense as never, next_at: new Date(due.getTime() - 1) })
    .where('branch_id', '=', broken.branch.id)
    .execute();
  await fireBackupSchedules(contextOf(control), due);
  expect(await snapshots(control, broken)).toHaveLength(0);
  expect(await snapshots(control, whole)).toHaveLength(1);
});

test('nothing is taken of a deleted project', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const created = await control.createProject();
  await put(control, created, [hourly]);
  const due = (await nextAt(control))!;
  await control.call('DELETE', `/projects/${created.project.id}`);
  await fireBackupSchedules(contextOf(control), due);
  expect(await control.db.selectFrom('snapshots').selectAll().execute()).toEqual([]);
});

test('a snapshot whose time is over is deleted, once', async () => {
  await using control = await TestControl.open(postgres);
  const created = await control.createProject();
  await put(control, created, [hourly]);
  await fireBackupSchedules(contextOf(control), (await nextAt(control))!);
  await control.settled(created.project.id);
  await expireSnapshots(contextOf(control));
  expect(await snapshots(control, created)).toHaveLength(1);
  await control.db.updateTable('snapshots').set({ expires_at: new Date() }).execute();
  await Promise.all([expireSnapshots(contextOf(control)), expireSnapshots(contextOf(control))]);
  control.worker!.kick();
  const operations = await control.settled(created.project.id);
  const removals = operations.filter(({ action }) => action === 'delete_timeline');
  expect(removals).toMatchObject([{ status: 'finished' }]);
  expect(await snapshots(control, created)).toEqual([]);
  expect(control.host.timelines.size).toBe(1);
});
