import type {
  BranchSchema,
  BranchSchemaResponse,
  CreatedProject,
  SchemaComparison,
} from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const old = 'CREATE TABLE t (\n    id integer\n);\n';
const young = 'CREATE TABLE t (\n    id bigint\n);\n';
const past = '2026-01-01T00:00:00.000000Z';

async function projectWithSchemas(control: TestControl): Promise<CreatedProject> {
  const created = await control.createProject();
  await control.settled(created.project.id);
  const [timelineId] = [...control.host.timelines.keys()];
  control.host.schemas.set(`${timelineId} ${past}`, old).set(`${timelineId} head`, young);
  return created;
}

function get<T>(control: TestControl, { project, branch }: CreatedProject, rest: string) {
  return control.call<T>('GET', `/projects/${project.id}/branches/${branch.id}/${rest}`);
}

test('the schema of a branch is read at its head and in its past', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectWithSchemas(control);
  const head = await get<BranchSchemaResponse>(control, created, 'schema?db_name=neondb');
  expect(head).toMatchObject({ status: 200, body: { sql: young } });
  const query = `db_name=neondb&timestamp=${past}&format=sql`;
  const then = await get<BranchSchemaResponse>(control, created, `schema?${query}`);
  expect(then.body).toEqual({ sql: old });
});

test('as JSON the tables are those that the host found in the catalogue', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectWithSchemas(control);
  const json: BranchSchema = {
    tables: [
      {
        schema: 'public',
        name: 't',
        columns: [{ name: 'id', type: 'bigint', nullable: false, generated: false }],
        constraints: [{ type: 'primary_key', name: 't_pkey', columns: ['id'] }],
      },
    ],
  };
  control.host.jsonSchema = { json };
  const path = 'schema?db_name=neondb&format=json';
  expect((await get(control, created, path)).body).toEqual({ json });
  control.host.jsonSchema = { sql: young };
  expect((await get(control, created, path)).status).toBe(501);
});

test.each([
  ['schema', 400],
  ['schema?db_name=neondb&format=xml', 400],
  ['schema?db_name=neondb&lsn=0/1&timestamp=2026-01-01T00:00:00Z', 400],
  ['schema?db_name=missing', 404],
  ['compare_schema?db_name=neondb', 400],
  ['compare_schema?db_name=neondb&base_branch_id=br-missing-1', 404],
  ['compare_schema?db_name=neondb&base_branch_id=SELF&base_timestamp=yesterday', 400],
])('%s is answered with %i', async (path, status) => {
  await using control = await TestControl.open(postgres);
  const created = await projectWithSchemas(control);
  const answer = await get(control, created, path.replace('SELF', created.branch.id));
  expect(answer.status).toBe(status);
});

test('a branch that is not there yet has no schema yet', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const answer = await get(control, await control.createProject(), 'schema?db_name=neondb');
  expect(answer).toMatchObject({ status: 422, body: { message: 'branch not ready yet' } });
});

test('two states of one branch are compared, the base first', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectWithSchemas(control);
  const compare = (rest: string) => {
    const query = `db_name=neondb&base_branch_id=${created.branch.id}&${rest}`;
    return get<SchemaComparison>(control, created, `compare_schema?${query}`);
  };
  const { body } = await compare(`base_timestamp=${past}`);
  expect(body.diff).toBe(`--- a/neondb
+++ b/neondb
@@ -1,3 +1,3 @@
 CREATE TABLE t (
-    id integer
+    id bigint
 );
`);
  const reversed = await compare(`timestamp=${past}`);
  expect(reversed.body.diff).toContain('-    id bigint\n+    id integer\n');
  expect((await compare('')).body.diff).toBe('');
});

test('a branch is compared with its parent when no other is named', async () => {
  await using control = await TestControl.open(postgres);
  const created = await projectWithSchemas(control);
  const child = await control.createProject();
  await control.settled(child.project.id);
  const [, childTimeline] = [...control.host.timelines.keys()];
  control.host.schemas.set(`${childTimeline} head`, old);
  await control.db
    .updateTable('branches')
    .set({ parent_id: created.branch.id, project_id: created.project.id, name: 'child' })
    .set({ is_default: false })
    .where('id', '=', child.branch.id)
    .execute();
  const path = `/projects/${created.project.id}/branches/${child.branch.id}/compare_schema`;
  const { body } = await control.call<SchemaComparison>('GET', `${path}?db_name=neondb`);
  expect(body.diff).toContain('-    id bigint\n+    id integer\n');
});
