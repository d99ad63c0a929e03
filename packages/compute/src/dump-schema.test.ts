import { readFileSync } from 'node:fs';
import { waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ComputeError } from './compute-error.ts';
import { dumpSchema } from './dump-schema.ts';
import { choosePgDump, findPgDumps } from './find-pg-dump.ts';
import { Fixture } from './fixture.ts';
import { findInstallations } from './installation.ts';
import type { InstancePlace } from './instance.ts';
import { restoreSchema } from './restore-schema.ts';
import { createDatabase, enter, startWithSchema } from './schema-fixture.ts';

const majors = (await findInstallations()).map(({ major }) => major);
const bound = { timeoutMs: 30_000 };
const pgDumps = await findPgDumps();
const wasm = pgDumps.filter(({ kind }) => kind === 'wasm');
const pairs = majors.flatMap((major) =>
  pgDumps.filter((pgDump) => pgDump.major >= major).map((pgDump) => ({ major, pgDump })),
);

test('npm alone brings a pg_dump for every major version that npm brings', () => {
  expect(wasm.map(({ major }) => major)).toEqual([18]);
});

describe.each(majors)('a schema of Postgres %i', (major) => {
  let fixture: Fixture;
  let place: InstancePlace;
  beforeAll(async () => {
    fixture = await Fixture.open(major);
    place = await startWithSchema(fixture);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const login = (database = 'neondb') => ({
    socketDirectory: place.socketDirectory,
    secrets: ['wrong', fixture.template.adminSecret],
    database,
    ...(fixture.owner ? { owner: fixture.owner } : {}),
  });
  const usable = pairs.filter((pair) => pair.major === major).map(({ pgDump }) => pgDump);

  describe.each(usable)('dumped by $kind $major', (pgDump) => {
    const dump = (database?: string) => dumpSchema({ ...login(database), pgDumps: [pgDump] });
    let sql: string;
    beforeAll(async () => {
      sql = await dump();
    });

    test('is the same in a database that it was restored into', async () => {
      const database = `copy_${pgDump.kind}`;
      const copy = await createDatabase(fixture, place, database);
      await restoreSchema(sql, copy);
      expect(await dump(database)).toBe(sql);
      expect(await dump()).toBe(sql);
    });

    test('has owners, grants, policies and whole bodies, and no rows', () => {
      for (const part of [
        'ALTER TABLE app.event OWNER TO app_owner;',
        'GRANT SELECT(mail) ON TABLE app.person TO "Reader; x"',
        'CREATE POLICY own ON app.person',
        'CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA ext;',
        '-- \\restrict nothing',
        'PARTITION BY RANGE (at)',
        'BEGIN ATOMIC',
      ]) {
        expect.soft(sql).toContain(part);
      }
      expect(sql).not.toContain('secret-row');
    });

    test('says nothing of the platform, of versions or of psql', () => {
      expect(sql).not.toMatch(/cloud_admin|neon_superuser|pg_catalog\.pg_export_snapshot/);
      expect(sql).not.toMatch(/^\\|Dumped (from|by)/m);
    });

    test('of an empty database is empty but for rights that Postgres 15 took away', async () => {
      await createDatabase(fixture, place, 'empty');
      const found = (await dump('empty')).match(/^-- Name.*/gm) ?? [];
      const rights = '-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: pg_database_owner';
      expect(found).toEqual(major < 15 ? [rights] : []);
    });

    test('has the rights on the schema public as they are', async () => {
      for (const change of ['', 'REVOKE CREATE', 'REVOKE ALL', 'GRANT CREATE']) {
        const source = `rights_${change.toLowerCase().replace(' ', '_')}_${pgDump.kind}`;
        await using inside = await enter(await createDatabase(fixture, place, source));
        const way = change.startsWith('GRANT') ? 'TO' : 'FROM';
        if (change) await inside.script([`${change} ON SCHEMA public ${way} PUBLIC`]);
        const copy = await createDatabase(fixture, place, `${source}_copy`);
        await restoreSchema(await dump(source), copy);
        await using restored = await enter(copy);
        const rights = `SELECT nspacl::text AS acl FROM pg_namespace WHERE nspname = 'public'`;
        expect.soft(await restored.query(rights), change).toEqual(await inside.query(rights));
      }
    });

    test('does not depend on the settings of a database', async () => {
      const database = `set_${pgDump.kind}`;
      const copy = await createDatabase(fixture, place, database);
      await restoreSchema(sql, copy);
      await using admin = await fixture.connect(place);
      for (const setting of [
        'quote_all_identifiers = on',
        'standard_conforming_strings = off',
        'search_path = app',
        "datestyle = 'SQL, DMY'",
        'default_transaction_read_only = on',
        'statement_timeout = 1',
      ]) {
        await admin.script([`ALTER DATABASE ${database} SET ${setting}`]);
      }
      expect(await dump(database)).toBe(sql);
    });

    test('is given up on when a lock is held, and leaves nothing running', async () => {
      await using holder = await fixture.connect(place, { database: 'neondb' });
      await holder.script(['BEGIN', 'LOCK TABLE app.person IN ACCESS EXCLUSIVE MODE']);
      // Within a transaction the view does not change.
      await using watcher = await fixture.connect(place);
      const giveUp = new AbortController();
      const dumping = dumpSchema({ ...login(), pgDumps: [pgDump], signal: giveUp.signal });
      const ended = dumping.then(
        () => undefined,
        (error: unknown) => error,
      );
      const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
      await waitUntil(async () => (await watcher.query(waiting)).length > 0, {
        ...bound,
        what: 'it',
      });
      giveUp.abort(new Error('enough'));
      expect(await ended).toEqual(new Error('enough'));
      await holder.script(['ROLLBACK']);
      const sessions = `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'`;
      const isOver = async () => (await watcher.query(sessions)).length === 2;
      await waitUntil(isOver, { ...bound, what: 'the session of the dump to end' });
    });

    test('that cannot be read says why in the cause', async () => {
      const path = pgDump.kind === 'wasm' ? '/nowhere.js' : '/bin/false';
      const broken = dumpSchema({ ...login(), pgDumps: [{ ...pgDump, path }] });
      await expect(broken).rejects.toMatchObject({ code: 'schema_dump_failed' });
    });
  });

  test('is restored only as a whole: the statement that fails is named', async () => {
    const copy = await createDatabase(fixture, place, 'broken');
    const restoring = restoreSchema(
      'CREATE TABLE public.t ();\n\nCREATE TABLE public.u (\n  v nothing\n);\n',
      copy,
    );
    const failure = await restoring.then(
      () => undefined,
      (error: unknown) => error as ComputeError,
    );
    expect(failure).toMatchObject({ code: 'schema_restore_failed' });
    expect(failure?.message).toMatch(/at: CREATE TABLE public.u \($/);
    expect(String(failure?.cause)).toContain('type "nothing" does not exist');
  });

  test('gives extensions to the owner of the database where that role may make them', async () => {
    const copy = await createDatabase(fixture, place, 'extended');
    await restoreSchema(await dumpSchema(login()), copy);
    await using admin = await enter(copy);
    const owners = await admin.query(
      `SELECT extname, pg_get_userbyid(extowner) AS owner FROM pg_extension ORDER BY 1`,
    );
    expect(owners).toEqual([
      { extname: 'citext', owner: 'neondb_owner' },
      { extname: 'hstore', owner: 'neondb_owner' },
      { extname: 'pgcrypto', owner: 'neondb_owner' },
      { extname: 'plpgsql', owner: 'cloud_admin' },
    ]);
  });

  test('leaves subscriptions out, with the passwords in them', async () => {
    await using admin = await fixture.connect(place, { database: 'neondb' });
    await admin.script([
      `CREATE SUBSCRIPTION s CONNECTION 'host=/nowhere password=hidden' PUBLICATION p
        WITH (connect = false, slot_name = NONE)`,
    ]);
    expect(await dumpSchema(login())).not.toMatch(/SUBSCRIPTION|hidden/);
    await admin.script(['DROP SUBSCRIPTION s']);
  });
});

test('without a pg_dump that is new enough, the operator is told what to install', () => {
  const old = { major: 15, kind: 'program', path: '/old/pg_dump' } as const;
  const choose = () => choosePgDump([old], 17);
  expect(choose).toThrow(ComputeError);
  expect(choose).toThrow(expect.objectContaining({ code: 'pg_dump_missing' }));
  expect(choose).toThrow(
    expect.objectContaining({
      cause: expect.objectContaining({ message: expect.stringContaining('Postgres 17 or newer') }),
    }),
  );
});

test('the nearest program is preferred, and WebAssembly comes last', () => {
  const at = (major: number, kind: 'program' | 'wasm') => ({
    major,
    kind,
    path: `${kind}${major}`,
  });
  const all = [at(18, 'wasm'), at(18, 'program'), at(15, 'program'), at(17, 'program')];
  expect(choosePgDump(all, 16)).toEqual(at(17, 'program'));
  expect(choosePgDump(all, 18)).toEqual(at(18, 'program'));
  expect(choosePgDump([at(18, 'wasm'), at(15, 'program')], 16)).toEqual(at(18, 'wasm'));
  expect(choosePgDump([at(18, 'wasm'), at(14, 'program')], 14)).toEqual(at(18, 'wasm'));
});

test('the pinned WebAssembly is of the major version that it is taken for', () => {
  const [{ path } = { path: '' }] = wasm;
  const binary = readFileSync(new URL('pg_dump.wasm', `file://${path}`), 'latin1');
  expect(binary).toMatch(/pg_dump \(PostgreSQL\) 18\./);
});
