import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AdminConnection } from './admin-connection.ts';
import { adminVerifier } from './admin-secret.ts';
import { changeContent, type ContentChange } from './change-content.ts';
import { Fixture } from './fixture.ts';
import { findInstallations } from './installation.ts';
import type { InstancePlace } from './instance.ts';
import { readContent } from './read-content.ts';

const majors = (await findInstallations()).map(({ major }) => major);
const password = 'of tenants';
const settings = { max_prepared_transactions: '5', wal_level: 'logical' };

describe.each(majors)('changes of the content of Postgres %i', (major) => {
  let fixture: Fixture;
  let place: InstancePlace;
  let verifier: string;
  let admin: AdminConnection;
  beforeAll(async () => {
    fixture = await Fixture.open(major);
    verifier = await adminVerifier(password);
    place = await started();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  async function started() {
    const clone = await fixture.clone();
    await fixture.start(clone, { settings });
    return clone;
  }

  beforeEach(async () => {
    admin = await fixture.connect(place);
    return () => admin[Symbol.asyncDispose]();
  });

  // Everything can be repeated.
  async function change(...changes: readonly ContentChange[]) {
    const open = (database: string) => fixture.connect(place, { database });
    for (const each of changes) {
      await changeContent({ connection: admin, open }, each);
      await changeContent({ connection: admin, open }, each);
    }
    return readContent(admin);
  }

  async function enter(user: string, database = 'neondb', secret = password) {
    const { socketDirectory: host } = place;
    const client = new Client({ host, user, password: secret, database });
    client.on('error', () => undefined);
    await client.connect();
    return {
      value: async (sql: string): Promise<unknown> => {
        const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
        return rows[0]?.[0];
      },
      [Symbol.asyncDispose]: () => client.end().catch(() => undefined),
    };
  }

  test('a role of the API logs in and may do what such roles may; another one cannot log in', async () => {
    const content = await change(
      { kind: 'create_role', name: "it's me", verifier },
      { kind: 'create_role', name: 'group', verifier: null },
    );
    expect(content.roles).toEqual(
      expect.arrayContaining([
        { name: "it's me", verifier, canLogin: true },
        { name: 'group', verifier: null, canLogin: false },
      ]),
    );
    await using role = await enter("it's me");
    await role.value('CREATE ROLE made_by_role');
    expect(await role.value(`SELECT pg_has_role('neon_superuser', 'USAGE')`)).toBe(true);
    await expect(enter('group')).rejects.toMatchObject({ code: '28P01' });
  });

  test('a role that a tenant made by SQL gets the rights of the API’s roles', async () => {
    await admin.query('CREATE ROLE plain NOINHERIT');
    expect((await readContent(admin)).roles.map(({ name }) => name)).not.toContain('plain');
    const { roles } = await change({ kind: 'create_role', name: 'plain', verifier });
    expect(roles).toContainEqual({ name: 'plain', verifier, canLogin: true });
    await using role = await enter('plain');
    expect(await role.value('SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user')).toBe(
      true,
    );
  });

  test('a new password ends the sessions of the old one and nobody else’s', async () => {
    await change(
      { kind: 'create_role', name: 'renewed', verifier },
      { kind: 'create_role', name: 'other', verifier },
    );
    await using before = await enter('renewed');
    await using other = await enter('other');
    await change({ kind: 'set_password', name: 'renewed', verifier: await adminVerifier('new') });
    await expect(before.value('SELECT 1')).rejects.toThrow();
    expect(await other.value('SELECT 1')).toBe(1);
    await expect(enter('renewed')).rejects.toMatchObject({ code: '28P01' });
    await using after = await enter('renewed', 'neondb', 'new');
    expect(await after.value('SELECT 1')).toBe(1);
  });

  test('what a removed role owned stays, with owners who are no superusers', async () => {
    await change(
      { kind: 'create_role', name: 'leaver', verifier },
      { kind: 'create_role', name: 'stayer', verifier },
      { kind: 'create_database', name: 'shop', ownerName: 'stayer' },
    );
    {
      await using stayer = await enter('stayer', 'shop');
      await stayer.value('GRANT CREATE ON DATABASE shop TO leaver');
      await using leaver = await enter('leaver', 'shop');
      await leaver.value('CREATE SCHEMA app');
      await leaver.value('CREATE TABLE app.orders (id int)');
      await leaver.value('ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO stayer');
      await leaver.value('CREATE ROLE helper');
      await leaver.value('CREATE DATABASE by_sql');
    }
    await admin.query('GRANT CREATE ON DATABASE postgres TO leaver');
    {
      await using leaver = await enter('leaver', 'postgres');
      await leaver.value('CREATE SCHEMA mine');
    }
    await using session = await enter('leaver', 'shop');
    const content = await change({ kind: 'drop_role', name: 'leaver' });
    expect(content.roles.map(({ name }) => name)).not.toContain('leaver');
    await expect(session.value('SELECT 1')).rejects.toThrow();
    await using stayer = await enter('stayer', 'shop');
    expect(await stayer.value(`SELECT 'app.orders'::regclass::text`)).toBe('app.orders');
    expect(
      await stayer.value(`SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'app'`),
    ).toBe('stayer');
    const owner = `SELECT datdba::regrole::text AS owner FROM pg_database WHERE datname = 'by_sql'`;
    expect(await admin.query(owner)).toEqual([{ owner: 'neon_superuser' }]);
    const schema = `SELECT nspowner::regrole::text AS owner FROM pg_namespace WHERE nspname = 'mine'`;
    expect(await admin.query(schema)).toEqual([{ owner: 'neon_superuser' }]);
    await using bySql = await enter('stayer', 'by_sql');
    await bySql.value('CREATE TABLE public.t ()');
    expect(await admin.query(`SELECT FROM pg_roles WHERE rolname = 'helper'`)).toHaveLength(1);
  });

  test('a database is like every new one, whoever looks into the one it is copied from', async () => {
    await change({ kind: 'set_password', name: 'neondb_owner', verifier });
    await using _looker = await enter('neondb_owner', 'template1');
    const content = await change({
      kind: 'create_database',
      name: 'Näme; "x"',
      ownerName: 'neondb_owner',
    });
    expect(content.databases).toContainEqual({ name: 'Näme; "x"', owner: 'neondb_owner' });
    await using owner = await enter('neondb_owner', 'Näme; "x"');
    await owner.value('CREATE TABLE notes (n int)');
    expect(
      await owner.value(`SELECT has_table_privilege('neon_superuser', 'notes', 'INSERT')`),
    ).toBe(true);
  });

  test('a database is renamed and given away under clients that come back at once', async () => {
    await change(
      { kind: 'create_role', name: 'buyer', verifier },
      { kind: 'create_database', name: 'old', ownerName: 'neondb_owner' },
    );
    const over = new AbortController();
    let refusals = 0;
    const comeBack = async () => {
      while (!over.signal.aborted) {
        try {
          await using session = await enter('buyer', 'old');
          while (!over.signal.aborted) await session.value('SELECT pg_sleep(0.001)');
        } catch {
          refusals += 1;
        }
      }
    };
    const clients = Array.from({ length: 8 }, comeBack);
    await expect.poll(async () => (await admin.query(SESSIONS, ['old'])).length).toBe(8);
    const content = await change({
      kind: 'change_database',
      name: 'old',
      newName: 'new',
      ownerName: 'buyer',
    });
    over.abort();
    await Promise.all(clients);
    expect(refusals).toBeGreaterThan(0);
    expect(content.databases).toContainEqual({ name: 'new', owner: 'buyer' });
    expect(content.databases.map(({ name }) => name)).not.toContain('old');
  });

  test('a database goes with its sessions, slots, subscriptions and prepared transactions', async () => {
    await change(
      { kind: 'create_role', name: 'dropper', verifier },
      { kind: 'create_database', name: 'gone', ownerName: 'dropper' },
    );
    await using session = await enter('dropper', 'gone');
    await session.value(`SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')`);
    await session.value('CREATE TABLE t (n int)');
    await session.value('ALTER DATABASE gone IS_TEMPLATE true');
    {
      await using inside = await fixture.connect(place, { database: 'gone' });
      await inside.query(`CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 dbname=x'
        PUBLICATION p WITH (connect = false)`);
    }
    await session.value('BEGIN');
    await session.value('INSERT INTO t VALUES (1)');
    await session.value(`PREPARE TRANSACTION 'it''s pending'`);
    const content = await change({ kind: 'drop_database', name: 'gone' });
    expect(content.databases.map(({ name }) => name)).not.toContain('gone');
    await expect(session.value('SELECT 1')).rejects.toThrow();
    expect(await admin.query('SELECT FROM pg_replication_slots')).toEqual([]);
  });

  test('what Postgres refuses is told apart from what passes', async () => {
    const impossible = change({ kind: 'create_database', name: 'x', ownerName: 'nobody' });
    await expect(impossible).rejects.toMatchObject({
      code: 'change_refused',
      message: 'Postgres refuses the change: role "nobody" does not exist',
    });
    await using gone = await fixture.connect(place);
    await admin.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE application_name = 'pgfleet' AND pid <> pg_backend_pid()`,
    );
    const open = () => Promise.reject(new Error('not needed'));
    const lost = changeContent({ connection: gone, open }, { kind: 'drop_role', name: 'x' });
    await expect(lost).rejects.not.toMatchObject({ code: 'change_refused' });
  });
});

const SESSIONS = 'SELECT FROM pg_stat_activity WHERE datname = $1';
