import { PgfleetError } from '@pgfleet/contract';
import type { CreatedProject, RestoreDrill, RestoreDrillList } from '@pgfleet/contract';
import { RpcUnreachableError, silentLogger, waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runRestoreDrills } from '../chores/run-restore-drills.ts';
import { claimDrill } from '../store/restore-drills.ts';
import { promiseWithRelease } from '../testing/promise-with-release.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const never = new AbortController().signal;
const DAY_MS = 86_400_000;

/** A project whose turn to be drilled has come and in which something ran just now. */
async function busyProject(control: TestControl): Promise<CreatedProject> {
  const created = await control.createProject();
  await control.settled(created.project.id);
  await control.db
    .updateTable('drill_turns')
    .set({ next_at: new Date(Date.now() - DAY_MS / 2) })
    .where('project_id', '=', created.project.id)
    .execute();
  await touch(control, created, new Date());
  return created;
}

function touch(control: TestControl, { endpoints }: CreatedProject, at: Date) {
  return control.db
    .updateTable('endpoints')
    .set({ last_active: at })
    .where('id', '=', endpoints[0]!.id)
    .execute();
}

function runDrills(control: TestControl, now = new Date(), log = silentLogger()): Promise<void> {
  const connectHost = () => control.host.client();
  return runRestoreDrills({ db: control.db, connectHost, log }, never, () => now);
}

async function drillsOf(control: TestControl, { project }: CreatedProject) {
  const path = `/pgfleet/projects/${project.id}/restore_drills`;
  const { body } = await control.call<RestoreDrillList>('GET', path);
  return body.restore_drills;
}

function verify(control: TestControl, { project, branch }: CreatedProject, payload: object = {}) {
  const path = `/pgfleet/projects/${project.id}/branches/${branch.id}/verify`;
  return control.call<{ restore_drill: RestoreDrill }>('POST', path, { payload });
}

/** Like {@link verify}, always with the same key. */
function verifyOnce(
  control: TestControl,
  { project, branch }: CreatedProject,
  payload: object = {},
) {
  const path = `/pgfleet/projects/${project.id}/branches/${branch.id}/verify`;
  const headers = { 'idempotency-key': 'drill' };
  return control.call<{ restore_drill: RestoreDrill }>('POST', path, { payload, headers });
}

function verifications(control: TestControl): number {
  return control.host.calls.filter((call) => call.startsWith('verify')).length;
}

test('a project in which something ran is drilled once a day', async () => {
  await using control = await TestControl.open(postgres);
  const created = await busyProject(control);
  await runDrills(control);
  await runDrills(control);
  expect(await drillsOf(control, created)).toMatchObject([
    {
      branch_id: created.branch.id,
      good: true,
      lsn: control.host.head.lsn,
      restore_ms: 812.5,
      recovery_point_seconds: 0.2,
      amcheck: true,
      compared: true,
      rows: 1000,
      problems: [],
    },
  ]);
  const tomorrow = new Date(Date.now() + DAY_MS);
  await runDrills(control, tomorrow);
  expect(verifications(control)).toBe(1);
  const dayAfter = new Date(tomorrow.getTime() + DAY_MS);
  await touch(control, created, dayAfter);
  await runDrills(control, dayAfter);
  expect(verifications(control)).toBe(2);
});

test('the drills of a fleet spread over the day', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const now = Date.now();
  for (let n = 0; n < 40; n += 1) {
    const { branch, project, endpoints } = await control.createProject();
    const { db } = control;
    await db
      .updateTable('branches')
      .set({ current_state: 'ready' })
      .where('id', '=', branch.id)
      .execute();
    await db
      .updateTable('drill_turns')
      .set({ drilled_at: new Date(now) })
      .where('project_id', '=', project.id)
      .execute();
    await db
      .updateTable('endpoints')
      .set({ last_active: new Date(now + 1) })
      .where('id', '=', endpoints[0]!.id)
      .execute();
  }
  for (const timeline of await control.db.selectFrom('timelines').selectAll().execute()) {
    control.host.timelines.set(timeline.id, {} as never);
  }
  const counts: number[] = [];
  for (const hours of [6, 12, 18, 25]) {
    await runDrills(control, new Date(now + hours * 3_600_000));
    counts.push(verifications(control));
  }
  expect(counts.at(-1)).toBe(40);
  expect(counts[0]).toBeGreaterThan(0);
  expect(counts[2]).toBeLessThan(40);
});

test('nothing is drilled where nothing ran, and nothing of a deleted project', async () => {
  await using control = await TestControl.open(postgres);
  const quiet = await busyProject(control);
  await touch(control, quiet, new Date(Date.now() - 3 * DAY_MS));
  const deleted = await busyProject(control);
  await control.call('DELETE', `/projects/${deleted.project.id}`);
  await runDrills(control);
  expect(verifications(control)).toBe(0);
});

test('replicas that look at once drill a project once', async () => {
  await using control = await TestControl.open(postgres);
  await busyProject(control);
  await Promise.all(Array.from({ length: 5 }, () => runDrills(control)));
  expect(verifications(control)).toBe(1);
});

test('what a drill finds is kept and logged for a person to see', async () => {
  await using control = await TestControl.open(postgres);
  const created = await busyProject(control);
  control.host.problems = ['index "t_pkey" of neondb is not in order'];
  const lines: unknown[] = [];
  const log = Object.assign(silentLogger(), {
    error: (...line: unknown[]) => lines.push(line),
  });
  await runDrills(control, new Date(), log);
  expect(lines).toEqual([
    [expect.objectContaining({ problems: control.host.problems }), 'restore drill found problems'],
  ]);
  expect(await drillsOf(control, created)).toMatchObject([
    { good: false, problems: control.host.problems },
  ]);
});

test('damage that prevents the restore is a finding; a host that is away is none', async () => {
  await using control = await TestControl.open(postgres);
  const [damaged, away] = [await busyProject(control), await busyProject(control)];
  const timelines = [...control.host.timelines.values()];
  const own = timelines.find(({ projectId }) => projectId === damaged.project.id);
  control.host.intercept = (call) => {
    if (call === `verify ${own?.timelineId}`) throw new PgfleetError('history_damaged');
    throw new RpcUnreachableError('gone');
  };
  await runDrills(control);
  expect(verifications(control)).toBe(2);
  const [drill] = await drillsOf(control, damaged);
  expect(drill).toMatchObject({ good: false, problems: [expect.stringContaining('damaged')] });
  expect(drill).not.toHaveProperty('restore_ms');
  expect(await drillsOf(control, away)).toEqual([]);
});

test('a drill that could not be done is repeated an hour later, and does not keep others waiting', async () => {
  await using control = await TestControl.open(postgres);
  const away = await busyProject(control);
  const now = Date.now();
  control.host.intercept = () => {
    throw new RpcUnreachableError('gone');
  };
  await runDrills(control, new Date(now));
  control.host.intercept = () => undefined;
  const other = await busyProject(control);
  await runDrills(control, new Date(now + 3_000_000));
  expect(await drillsOf(control, away)).toEqual([]);
  expect(await drillsOf(control, other)).toHaveLength(1);
  await runDrills(control, new Date(now + 3_700_000));
  await runDrills(control, new Date(now + 7_400_000));
  expect(await drillsOf(control, away)).toHaveLength(1);
});

test('a drill whose control died is repeated the same day', async () => {
  await using control = await TestControl.open(postgres);
  const created = await busyProject(control);
  const now = Date.now();
  expect(await claimDrill(control.db, new Date(now))).toBeDefined();
  expect(await claimDrill(control.db, new Date(now + 3_700_000))).toBeUndefined();
  await runDrills(control, new Date(now + 3 * 3_600_000));
  expect(await drillsOf(control, created)).toHaveLength(1);
});

test('a drill can be had at once, at a point of one’s choice', async () => {
  await using control = await TestControl.open(postgres);
  const created = await busyProject(control);
  const timestamp = '2026-01-01T00:00:00Z';
  const { status, body } = await verify(control, created, { timestamp });
  expect(status).toBe(200);
  expect(body.restore_drill).toMatchObject({
    good: true,
    timestamp: '2026-01-01T00:00:00.000000Z',
  });
  expect(await drillsOf(control, created)).toMatchObject([{ id: body.restore_drill.id }]);
  expect((await verify(control, created, { lsn: '0/1', timestamp })).status).toBe(400);
  control.host.intercept = () => {
    throw new PgfleetError('point_not_available');
  };
  expect((await verify(control, created, { lsn: '0/1' })).status).toBe(400);
});

test('no more than two drills on demand run at a time', async () => {
  await using control = await TestControl.open(postgres);
  const created = await busyProject(control);
  const { held, release } = promiseWithRelease();
  control.host.intercept = () => held;
  const two = [verify(control, created), verify(control, created)];
  await waitUntil(() => verifications(control) === 2, { what: 'two drills', timeoutMs: 10_000 });
  expect((await verify(control, created)).status).toBe(429);
  release();
  expect((await Promise.all(two)).map(({ status }) => status)).toEqual([200, 200]);
  expect((await verify(control, created)).status).toBe(200);
});

test('calls with one key that come while its drill runs wait for it, and are all answered with it', async () => {
  await using control = await TestControl.open(postgres);
  const created = await busyProject(control);
  const { held, release } = promiseWithRelease();
  control.host.intercept = () => held;
  const calls = Array.from({ length: 10 }, () => verifyOnce(control, created));
  await waitUntil(() => verifications(control) > 0, { what: 'a drill', timeoutMs: 10_000 });
  const late = Array.from({ length: 10 }, () => verifyOnce(control, created));
  const other = verifyOnce(control, created, { lsn: '0/1' });
  release();
  const answers = await Promise.all([...calls, ...late]);
  for (const { status, body } of answers) expect([status, body]).toEqual([200, answers[0]?.body]);
  expect((await other).status).toBe(422);
  expect(verifications(control)).toBe(1);
});

test('a drill that failed is done again by the next call with its key', async () => {
  await using control = await TestControl.open(postgres);
  const created = await busyProject(control);
  control.host.intercept = () => {
    control.host.intercept = () => undefined;
    throw new PgfleetError('point_not_available');
  };
  const calls = Array.from({ length: 3 }, () => verifyOnce(control, created));
  const answers = await Promise.all(calls);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(1);
  expect(verifications(control)).toBe(2);
});

test('nobody drills or reads the project of another organization', async () => {
  await using control = await TestControl.open(postgres);
  const { project, branch } = await busyProject(control);
  const headers = { authorization: `Bearer ${await control.createStranger()}` };
  const path = `/pgfleet/projects/${project.id}`;
  expect((await control.call('GET', `${path}/restore_drills`, { headers })).status).toBe(404);
  const verifyPath = `${path}/branches/${branch.id}/verify`;
  expect((await control.call('POST', verifyPath, { headers })).status).toBe(404);
});
