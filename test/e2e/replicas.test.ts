import type { Branch, CreatedBranch, CreatedProject, Endpoint } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

/* What clients of read-only endpoints see. */

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => await platform[Symbol.asyncDispose]());

let created: CreatedProject;
let path: string;
beforeEach(async () => {
  created = await platform.createProject();
  path = `/projects/${created.project.id}`;
  await sql(writer(), 'create table notes as select 1 as n');
});

const writer = () => created.connection_uris[0]!.connection_uri;

async function sql(uri: string, statement: string): Promise<readonly unknown[]> {
  await using session = await connectClient(uri);
  const { rows } = await session.query<unknown[]>({ text: statement, rowMode: 'array' });
  return rows.flat();
}

const count = async (uri: string) => (await sql(uri, 'select count(*)::int from notes'))[0];

const untilCount = (uri: string, expected: number) =>
  waitUntil(async () => (await count(uri)) === expected, {
    what: `${expected} notes`,
    timeoutMs: 20_000,
  });

async function addReplica(branchId: string): Promise<{ endpoint: Endpoint; uri: string }> {
  const answer = await platform.api<{ endpoint: Endpoint }>('POST', `${path}/endpoints`, {
    endpoint: { branch_id: branchId, type: 'read_only' },
  });
  expect(answer.status).toBe(201);
  await settled();
  const { endpoint } = answer.body;
  return { endpoint, uri: await uriOf(endpoint) };
}

async function uriOf({ id }: Endpoint): Promise<string> {
  const query = `endpoint_id=${id}&database_name=neondb&role_name=neondb_owner`;
  const { body } = await platform.api<{ uri: string }>('GET', `${path}/connection_uri?${query}`);
  return body.uri;
}

async function settled(): Promise<void> {
  for (const { status } of await platform.settle(created.project.id)) {
    expect(status).toBe('finished');
  }
}

test('a replica is read at an address of its own, and shows what is written at the other', async () => {
  const { endpoint, uri } = await addReplica(created.branch.id);
  expect(endpoint).toMatchObject({ type: 'read_only', branch_id: created.branch.id });
  expect(await count(uri)).toBe(1);
  await sql(writer(), 'insert into notes values (2)');
  await untilCount(uri, 2);
  await expect(sql(uri, 'insert into notes values (3)')).rejects.toMatchObject({ code: '25006' });
  expect(await sql(uri, 'select pg_is_in_recovery()')).toEqual([true]);
});

test('a replica wakes in the connection that asks, while the branch sleeps on', async () => {
  const { endpoint, uri } = await addReplica(created.branch.id);
  for (const { id } of [endpoint, created.endpoints[0]!]) {
    await platform.api('POST', `${path}/endpoints/${id}/suspend`);
  }
  await settled();
  expect(await count(uri)).toBe(1);
  const { body } = await platform.api<{ endpoints: Endpoint[] }>('GET', `${path}/endpoints`);
  const states = Object.fromEntries(body.endpoints.map((each) => [each.type, each.current_state]));
  expect(states['read_write']).toBe('idle');
});

test('a branch that is made with a replica alone can be read and not written', async () => {
  const answer = await platform.api<CreatedBranch>('POST', `${path}/branches`, {
    branch: { name: 'for reports' },
    endpoints: [{ type: 'read_only' }],
  });
  expect(answer.status).toBe(201);
  await settled();
  const query = `branch_id=${answer.body.branch.id}&database_name=neondb&role_name=neondb_owner`;
  const named = await platform.api<{ uri: string }>('GET', `${path}/connection_uri?${query}`);
  const { uri } = named.body;
  expect(uri).toBe(await uriOf(answer.body.endpoints[0]!));
  expect(await count(uri)).toBe(1);
  await expect(sql(uri, 'delete from notes')).rejects.toMatchObject({ code: '25006' });
  // It is a branch of its own: what its parent writes is not in it.
  await sql(writer(), 'insert into notes values (2)');
  expect(await count(uri)).toBe(1);
});

test('a replica of a restored branch shows what was restored', async () => {
  const { uri } = await addReplica(created.branch.id);
  const [before] = await sql(writer(), 'select clock_timestamp() from pg_sleep(0.01)');
  await sql(writer(), 'insert into notes select generate_series(2, 10)');
  await untilCount(uri, 10);
  const restored = await platform.api<{ branch: Branch }>(
    'POST',
    `${path}/branches/${created.branch.id}/restore`,
    {
      source_branch_id: created.branch.id,
      source_timestamp: (before as Date).toISOString(),
      preserve_under_name: 'before the restore',
    },
  );
  expect(restored.status).toBe(200);
  await settled();
  expect(await count(uri)).toBe(1);
  await sql(writer(), 'insert into notes values (2)');
  await untilCount(uri, 2);
});

test('replicas come and go with their branch', async () => {
  const branch = await platform.api<CreatedBranch>('POST', `${path}/branches`, {
    endpoints: [{ type: 'read_write' }, { type: 'read_only' }, { type: 'read_only' }],
  });
  expect(branch.body.endpoints.map(({ type }) => type)).toEqual([
    'read_write',
    'read_only',
    'read_only',
  ]);
  await settled();
  const [, first, second] = branch.body.endpoints;
  const uris = [await uriOf(first!), await uriOf(second!)];
  for (const uri of uris) expect(await count(uri)).toBe(1);
  const deletion = await platform.api('DELETE', `${path}/branches/${branch.body.branch.id}`);
  expect(deletion.status).toBe(200);
  await settled();
  for (const uri of uris) await expect(count(uri)).rejects.toThrow();
});
