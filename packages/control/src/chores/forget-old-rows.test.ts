import type { BranchId, ProjectId } from '@pgfleet/contract';
import { silentLogger } from '@pgfleet/kit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';
import { allChores } from './all-chores.ts';
import { forgetAnswers, forgetHistory } from './forget-old-rows.ts';

let postgres: TestPostgres;
let control: TestControl;
let projectId: ProjectId;
let branchId: BranchId;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres, { works: false });
  const { project, branch } = await control.createProject();
  projectId = project.id;
  branchId = branch.id;
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const never = new AbortController().signal;

/** What is left of some rows, by how long ago they were. */
async function agesLeft(table: string, column: string): Promise<string[]> {
  const { rows } = await sql<{ age: string }>`
    select extract(day from now() - ${sql.ref(column)})::text as age from ${sql.table(table)}
    where ${sql.ref(column)} < now() - interval '2 hours' order by ${sql.ref(column)}
  `.execute(control.db);
  return rows.map(({ age }) => age);
}

async function insertOperations(ages: string, status: 'finished' | 'running'): Promise<void> {
  const finishedAt = status === 'finished' ? sql`at` : sql`null`;
  await sql`
    insert into operations (id, project_id, action, status, wake_at, deadline_at, created_at,
      finished_at)
    select gen_random_uuid(), ${projectId}, 'apply_config', ${status}, 'infinity', 'infinity', at,
      ${finishedAt}
    from unnest(${ages}::integer[]) as days, lateral (select now() - make_interval(days => days) as at) t
  `.execute(control.db);
}

test('operations that ended are forgotten after half a year, those under way never', async () => {
  await insertOperations('{10,170,190,400}', 'finished');
  await insertOperations('{300}', 'running');
  await forgetHistory(control.db, never);
  expect(await agesLeft('operations', 'created_at')).toEqual(['300', '170', '10']);
});

test('drills are forgotten after a year', async () => {
  await sql`
    insert into restore_drills (project_id, branch_id, report, is_good, at)
    select ${projectId}, ${branchId}, '{"problems": []}', true, now() - make_interval(days => days)
    from unnest('{10,350,370,800}'::integer[]) as days`.execute(control.db);
  await forgetHistory(control.db, never);
  expect(await agesLeft('restore_drills', 'at')).toEqual(['350', '10']);
});

interface Metered {
  readonly age: number;
  readonly data_bytes: number | null;
}

async function meter(...hours: readonly Metered[]): Promise<void> {
  await sql`delete from consumption`.execute(control.db);
  await sql`
    insert into consumption (project_id, branch_id, hour, active_seconds, data_bytes)
    select ${projectId}, ${branchId}, date_trunc('day', now(), 'UTC') - make_interval(days => age),
      60, data_bytes
    from jsonb_to_recordset(${JSON.stringify(hours)}::jsonb) as m(age integer, data_bytes bigint)
  `.execute(control.db);
}

test('consumption is forgotten once no month reaches back to it', async () => {
  await meter(...[1, 366, 400, 420, 800].map((age) => ({ age, data_bytes: null })));
  await forgetHistory(control.db, never);
  // The month in which 366 days ago was is kept whole: 400 days ago is before it at any time.
  expect(await agesLeft('consumption', 'hour')).toEqual(['366', '1']);
});

test('the size that a branch still has is kept, however long ago it was measured', async () => {
  await meter(
    { age: 10, data_bytes: null },
    { age: 500, data_bytes: null },
    { age: 600, data_bytes: 2 },
    { age: 700, data_bytes: 1 },
  );
  await forgetHistory(control.db, never);
  expect(await agesLeft('consumption', 'hour')).toEqual(['600', '10']);
  await meter({ age: 10, data_bytes: 3 }, { age: 600, data_bytes: 2 }, { age: 700, data_bytes: 1 });
  await forgetHistory(control.db, never);
  // Between then and the newer measurement it is what is asked for.
  expect(await agesLeft('consumption', 'hour')).toEqual(['600', '10']);
});

test('answers are forgotten in parts until none is old', async () => {
  await sql`
    insert into idempotency_keys (subject, key, request_hash, created_at)
    select 'somebody', 'call ' || n, '', now() - make_interval(hours => case n when 1 then 23 else 25 end)
    from generate_series(1, 20002) n`.execute(control.db);
  await forgetAnswers(control.db, never);
  const { rows } = await sql`select key from idempotency_keys`.execute(control.db);
  expect(rows).toEqual([{ key: 'call 1' }]);
});

test('nothing more is forgotten by a control that stops', async () => {
  await insertOperations('{200}', 'finished');
  await forgetHistory(control.db, AbortSignal.abort());
  expect(await agesLeft('operations', 'created_at')).toContain('200');
});

test('control does it by itself', async () => {
  await insertOperations('{200}', 'finished');
  const worker = { kick: () => undefined, preempt: () => undefined };
  const context = { db: control.db, worker, connectHost: () => control.host.client() };
  const chores = allChores({ ...context, log: silentLogger() }, { drills: false });
  for (const chore of chores.filter(({ name }) => name.startsWith('forget')))
    await chore.run(never);
  expect(await agesLeft('operations', 'created_at')).not.toContain('200');
});
