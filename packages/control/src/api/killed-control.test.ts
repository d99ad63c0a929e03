import type { CreatedProject } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../store/database.ts';
import { CommitGate } from '../testing/commit-gate.ts';
import { ControlProcesses } from '../testing/control-processes.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

/* A control that is killed in the middle of a change, and a client that calls again. */

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const call = { key: 'sign-up-42', body: { project: { name: 'tenant' } } };

async function openProcesses(database: string): Promise<ControlProcesses> {
  return ControlProcesses.open(
    (directory) => `postgresql://postgres@/${database}?host=${encodeURIComponent(directory)}`,
  );
}

async function projectIds(db: Database): Promise<readonly string[]> {
  const rows = await db.selectFrom('projects').select('id').execute();
  return rows.map(({ id }) => id);
}

test('a change that was committed, of which no one heard, is not made again', async () => {
  const { name, db } = await postgres.createDatabase();
  await using processes = await openProcesses(name);
  await using gate = await CommitGate.open(processes.directory, postgres.directory);
  const control = await processes.start();
  const held = gate.holdNextCommit();
  const unheard = processes.change('POST', '/projects', call).catch((error: unknown) => error);
  await held;
  const [id, ...others] = await projectIds(db);
  expect(others).toEqual([]);
  await processes.kill(control);
  expect(await unheard).toBeInstanceOf(Error);

  await processes.start();
  const again = await processes.change('POST', '/projects', call);
  expect(again.status).toBe(201);
  const { project, roles, connection_uris: uris } = JSON.parse(again.text) as CreatedProject;
  expect(project.id).toBe(id);
  expect(uris[0]?.connection_uri).toContain(roles[0]?.password);
  expect(await processes.change('POST', '/projects', call)).toEqual(again);
  expect(await projectIds(db)).toEqual([id]);
  const other = { ...call, body: { project: { name: 'other' } } };
  expect((await processes.change('POST', '/projects', other)).status).toBe(422);
  await db.destroy();
});

test('a change that was not committed is made by the call that comes again, and once', async () => {
  const { name, db } = await postgres.createDatabase();
  await using processes = await openProcesses(name);
  await using _gate = await CommitGate.open(processes.directory, postgres.directory);
  const control = await processes.start();
  // Everything is done but the last row of the transaction.
  const unheard = await db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('pgfleet.audit_log', 0))`.execute(tx);
    const begun = processes.change('POST', '/projects', call).catch((error: unknown) => error);
    await waitUntil(() => isWaiting(db), { what: 'the change to wait', timeoutMs: 20_000 });
    await processes.kill(control);
    return begun;
  });
  expect(unheard).toBeInstanceOf(Error);

  await processes.start();
  const again = await processes.change('POST', '/projects', call);
  expect(again.status).toBe(201);
  expect(await processes.change('POST', '/projects', call)).toEqual(again);
  const { project } = JSON.parse(again.text) as CreatedProject;
  expect(await projectIds(db)).toEqual([project.id]);
  await db.destroy();
});

async function isWaiting(db: Database): Promise<boolean> {
  const { rows } = await sql`select from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`.execute(db);
  return rows.length > 0;
}
