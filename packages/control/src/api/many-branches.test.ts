import type { CreatedProject, Operation } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

/** At ten parameters for each operation, more than a statement can have. */
const BRANCHES = 7_000;

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

interface Changed {
  readonly operations: readonly Operation[];
}

const closed = { settings: { allowed_ips: { ips: ['10.9.9.9'] } } };

/** A project whose first branch was made, and very many others as if they had been. */
async function createLarge(control: TestControl): Promise<CreatedProject> {
  const created = await control.createProject();
  await using _worker = control.openWorker();
  await control.settled(created.project.id);
  await addBranches(control, created);
  return created;
}

async function addBranches(
  { db }: TestControl,
  { branch, endpoints }: CreatedProject,
): Promise<void> {
  const numbers = sql`generate_series(1, ${BRANCHES}) as n`;
  await sql`insert into timelines select (jsonb_populate_record(t, jsonb_build_object(
      'id', b.id || '-tl-' || n))).*
    from timelines t join branches b on b.timeline_id = t.id, ${numbers}
    where b.id = ${branch.id}`.execute(db);
  await sql`insert into branches select (jsonb_populate_record(b, jsonb_build_object(
      'id', b.id || '-' || n, 'name', 'b-' || n, 'is_default', false,
      'timeline_id', b.id || '-tl-' || n))).*
    from branches b, ${numbers} where b.id = ${branch.id}`.execute(db);
  await sql`insert into endpoints select (jsonb_populate_record(e, jsonb_build_object(
      'id', e.id || '-' || n, 'branch_id', e.branch_id || '-' || n, 'current_state', 'idle'))).*
    from endpoints e, ${numbers} where e.id = ${endpoints[0]!.id}`.execute(db);
}

test('a project with thousands of branches is changed and deleted', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await createLarge(control);
  const path = `/projects/${project.id}`;
  for (const change of [closed, { history_retention_seconds: 3_600 }]) {
    const payload = { project: change };
    const { status, body } = await control.call<Changed>('PATCH', path, { payload });
    expect([status, body.operations?.length]).toEqual([200, BRANCHES + 1]);
  }
  expect((await control.call('DELETE', path)).status).toBe(200);
  expect((await control.call('DELETE', `${path}?hard_delete=true`)).status).toBe(200);
}, 180_000);

test('while thousands of branches hear of a change, others do not wait for it', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await createLarge(control);
  await using _worker = control.openWorker();
  await control.call('PATCH', `/projects/${project.id}`, { payload: { project: closed } });
  const other = await control.createProject();
  await control.settled(other.project.id);
  const told = () => [...control.host.endpoints.values()].filter(isClosed).length;
  expect(told()).toBeLessThan(BRANCHES);
  await waitUntil(() => told() > 500, { what: 'hundreds to be told', timeoutMs: 60_000 });
}, 180_000);

function isClosed({ allowedIps }: { readonly allowedIps: readonly string[] }): boolean {
  return allowedIps.length > 0;
}
