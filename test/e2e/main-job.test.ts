import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectClient, hasPsql, psql, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

let platform: Platform;
beforeAll(async () => {
  // The last connection may meet the deletion half way.
  platform = await startPlatform();
});
afterAll(async () => await platform[Symbol.asyncDispose]());

async function newDatabase(): Promise<string> {
  const created = await platform.createProject();
  return created.connection_uris[0]!.connection_uri;
}

test('one call creates a project whose URI is served as soon as it is printed', async () => {
  const created = await platform.createProject({ name: 'first' });
  expect(created.project.name).toBe('first');
  expect(created.connection_uris).toHaveLength(1);
  const uri = created.connection_uris[0]!.connection_uri;
  await using client = await connectClient(uri);
  const { rows } = await client.query('select current_database() as database, 1 as one');
  expect(rows).toEqual([{ database: 'neondb', one: 1 }]);
});

test('a program with node-postgres uses the URI as printed', async () => {
  const uri = await newDatabase();
  const program = `
    import pg from 'pg';
    const client = new pg.Client(process.argv[1]);
    await client.connect();
    console.log((await client.query('select 40 + 2 as sum')).rows[0].sum);
    await client.end();`;
  const { stdout } = await run(
    process.execPath,
    ['--no-warnings', '--input-type=module', '-e', program, uri],
    { cwd: root },
  );
  expect(stdout).toBe('42\n');
});

test('rows that were written are read, changed and deleted', async () => {
  await using client = await connectClient(await newDatabase());
  await client.query('create table notes (id int primary key, text text)');
  await client.query(`insert into notes values (1, 'one'), (2, 'two')`);
  await client.query(`update notes set text = 'three' where id = 2`);
  await client.query('delete from notes where id = 1');
  expect((await client.query('select * from notes')).rows).toEqual([{ id: 2, text: 'three' }]);
});

test('tenants are apart: the password of one does not open the other', async () => {
  const [one, other] = [new URL(await newDatabase()), new URL(await newDatabase())];
  const mixed = new URL(other);
  mixed.password = one.password;
  await expect(connectClient(mixed.href)).rejects.toMatchObject({
    code: '28P01',
  });
});

test('a deleted project refuses connections and is gone from the list', async () => {
  const created = await platform.createProject();
  const uri = created.connection_uris[0]!.connection_uri;
  await (await connectClient(uri)).end();
  expect((await platform.api('DELETE', `/projects/${created.project.id}`)).status).toBe(200);
  expect((await platform.api('GET', `/projects/${created.project.id}`)).status).toBe(404);
  await vi.waitUntil(() => isRefused(uri), { timeout: 20_000, interval: 100 });
});

// The answer comes before the operation that takes the endpoint away is done.
async function isRefused(uri: string): Promise<boolean> {
  try {
    await (await connectClient(uri)).end();
    return false;
  } catch {
    return true;
  }
}

describe.skipIf(!hasPsql)('psql', () => {
  test('uses the URI as printed', async () => {
    const { code, stdout, stderr } = await psql(await newDatabase(), 'select 40 + 2');
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '42', stderr: '' });
  });

  test('verifies certificate and name with ca.crt', async () => {
    const uri = (await newDatabase()).replace('sslmode=require', 'sslmode=verify-full');
    expect(uri).toContain('sslmode=verify-full');
    expect(new URL(uri).searchParams.get('sslrootcert')).toBe(platform.caPath);
    expect(await psql(uri, 'select 1')).toMatchObject({ code: 0, stdout: '1' });
  });

  test('insists on channel binding', async () => {
    const uri = new URL(await newDatabase());
    uri.searchParams.set('channel_binding', 'require');
    expect(await psql(uri.href, 'select 1')).toMatchObject({ code: 0, stdout: '1' });
  });

  test('reaches an endpoint by its host name alone', async () => {
    const created = await platform.createProject();
    const uri = new URL(created.connection_uris[0]!.connection_uri);
    uri.hostname = created.endpoints[0]!.host;
    uri.searchParams.delete('options');
    const address = { PGHOSTADDR: '127.0.0.1' };
    expect(await psql(uri.href, 'select 1', address)).toMatchObject({ code: 0, stdout: '1' });
  });

  test('is told when its password is wrong', async () => {
    const uri = new URL(await newDatabase());
    uri.password = 'wrong';
    const { code, stderr } = await psql(uri.href, 'select 1');
    expect(code).toBe(2);
    expect(stderr).toContain('password authentication failed');
  });
});
