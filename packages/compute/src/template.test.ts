import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createScramVerifier } from '@pgfleet/pgwire';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applySpec } from './apply-spec.ts';
import { readControlFile } from './control-file.ts';
import { findInstallations } from './installation.ts';
import { Fixture } from './fixture.ts';
import { logBytes } from './log-file.ts';
import type { InstancePlace } from './instance.ts';
import { readActivity } from './read-activity.ts';
import { readVerifiers } from './read-verifiers.ts';
import { createTemplate } from './template.ts';

const majors = (await findInstallations()).map(({ major }) => major);

describe.each(majors)('a clone of the template of Postgres %i', (major) => {
  let fixture: Fixture;
  let place: InstancePlace & { readonly logFile: string };
  beforeAll(async () => {
    fixture = await Fixture.open(major);
    const clone = await fixture.clone();
    place = clone;
    await fixture.start(clone);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  async function asTenant(
    login: { readonly user: string; readonly database: string },
    work: (client: Client) => Promise<void>,
  ): Promise<void> {
    const client = new Client({ host: place.socketDirectory, password: 'tenant', ...login });
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }

  test('was left at rest, with checksums, and small', () => {
    const template = join(fixture.directory, 'template');
    expect(readControlFile(template)).toMatchObject({ state: 'shut_down', timelineNumber: 1 });
    expect(readdirSync(template)).not.toContain('postmaster.pid');
    expect(treeBytes(template)).toBeLessThan(50 * 1024 * 1024);
    expect(readFileSync(join(template, 'pg_hba.conf'), 'utf8')).toBe(
      'local all all scram-sha-256\nlocal replication cloud_admin scram-sha-256\n',
    );
  });

  test('has checksums, C.UTF-8 and no way in without a password', async () => {
    await using admin = await fixture.connect(place);
    const [row] = await admin.query(
      `SELECT current_setting('data_checksums') AS checksums, current_setting('listen_addresses') AS tcp,
        (SELECT count(*)::int FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256') AS holes,
        pg_encoding_to_char(encoding) AS encoding, datcollate
        FROM pg_database WHERE datname = 'neondb'`,
    );
    expect(row).toEqual({
      checksums: 'on',
      tcp: '',
      holes: 0,
      encoding: 'UTF8',
      datcollate: 'C.UTF-8',
    });
  });

  test("gives the API's roles Neon's rights and no superuser's", async () => {
    await using admin = await fixture.connect(place);
    const [role] = await admin.query(
      `SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, rolinherit,
        pg_has_role('neondb_owner', 'neon_superuser', 'MEMBER') AS member,
        pg_has_role('neondb_owner', 'pg_monitor', 'MEMBER') AS monitor
        FROM pg_roles WHERE rolname = 'neondb_owner'`,
    );
    expect(role).toEqual({
      rolsuper: false,
      rolcreaterole: true,
      rolcreatedb: true,
      rolbypassrls: true,
      rolreplication: true,
      rolinherit: true,
      member: true,
      monitor: true,
    });
  });

  test('becomes what its spec says, however often and with either secret', async () => {
    const secret = 'a-new-secret';
    const verifier = await createScramVerifier('tenant');
    const odd = `quo"te's $pgfleet$`;
    const spec = {
      adminSecret: secret,
      renameRoles: [{ from: 'neondb_owner', to: 'app_owner' }],
      renameDatabases: [{ from: 'neondb', to: 'app' }],
      roles: [
        { name: 'app_owner', verifier },
        { name: odd, verifier },
      ],
      databases: [
        { name: 'app', owner: 'app_owner' },
        { name: odd, owner: odd },
      ],
    };
    const secrets = [fixture.template.adminSecret, secret];
    for (let round = 0; round < 3; round += 1) {
      await using admin = await fixture.connect(place, { secrets });
      expect(admin.secret).toBe(round === 0 ? fixture.template.adminSecret : secret);
      await applySpec(admin, spec);
      expect(await readVerifiers(admin)).toEqual(
        new Map([
          ['app_owner', verifier],
          [odd, verifier],
        ]),
      );
    }
    await asTenant({ user: odd, database: odd }, async (client) => {
      await client.query('CREATE TABLE mine (id int)');
    });
    await asTenant({ user: 'app_owner', database: 'app' }, async (client) => {
      await client.query('CREATE TABLE public.mine (id int)');
      await client.query('CREATE SCHEMA other');
      await expect(client.query('ALTER SYSTEM SET fsync = off')).rejects.toMatchObject({
        code: '42501',
      });
      await expect(client.query(`COPY mine FROM '/etc/passwd'`)).rejects.toMatchObject({
        code: '42501',
      });
    });
    await expect(fixture.connect(place)).rejects.toMatchObject({ code: 'admin_login_failed' });
    Object.assign(fixture.template, { adminSecret: secret });
  });

  test('lets a tenant create what Neon lets create, and use it', async () => {
    await asTenant({ user: 'app_owner', database: 'app' }, async (client) => {
      const available = await availableExtensions(client);
      const wanted = [
        'pg_stat_statements',
        'postgres_fdw',
        'dblink',
        'pgcrypto',
        'hstore',
        'citext',
      ];
      for (const name of wanted.filter((extension) => available.has(extension))) {
        await client.query(`CREATE EXTENSION ${name}`);
      }
      await client.query('CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw');
      await client.query('CREATE SERVER elsewhere_too FOREIGN DATA WRAPPER dblink_fdw');
      const { rows } = await client.query(
        `SELECT has_function_privilege(oid, 'EXECUTE') AS may FROM pg_proc
          WHERE proname = 'pg_stat_statements_reset'`,
      );
      expect(rows).toEqual([{ may: true }]);
    });
  });

  test.each(['file_fdw', 'pageinspect', 'pg_surgery', 'plperlu'])(
    'does not let a tenant create %s',
    async (name) => {
      await asTenant({ user: 'app_owner', database: 'app' }, async (client) => {
        if (!(await availableExtensions(client)).has(name)) return;
        await expect(client.query(`CREATE EXTENSION ${name}`)).rejects.toMatchObject({
          code: '42501',
        });
      });
    },
  );

  test('keeps what a tenant raises out of the log, which lies on the disk of the host', async () => {
    const before = logBytes(place.logFile);
    await asTenant({ user: 'app_owner', database: 'app' }, async (client) => {
      await client.query(`DO $$BEGIN RAISE LOG '%', repeat('x', 100000); END$$`);
      await client.query('SET debug_print_plan = on');
      await client.query('SELECT 1');
      await expect(client.query('SET log_min_messages = log')).rejects.toThrow('permission denied');
    });
    expect(logBytes(place.logFile)).toBe(before);
  });

  test("is asked by pgfleet under pgfleet's own settings, one question after the other", async () => {
    await using admin = await fixture.connect(place);
    await admin.script([
      'ALTER DATABASE app SET statement_timeout = 1',
      'ALTER DATABASE app SET role = app_owner',
      'ALTER DATABASE app SET pg_hint_plan.enable_hint_table = on',
    ]);
    await using here = await fixture.connect(place, { database: 'app' });
    const names = [
      'search_path',
      'statement_timeout',
      'default_transaction_read_only',
      'role',
      'pg_hint_plan.enable_hint_table',
    ];
    const values = names.map((name) => here.query<Record<string, string>>(`SHOW ${name}`));
    expect(Object.assign({}, ...(await Promise.all(values)).flat())).toEqual({
      search_path: 'pg_catalog',
      statement_timeout: '0',
      default_transaction_read_only: 'off',
      role: 'none',
      'pg_hint_plan.enable_hint_table': 'off',
    });
    await expect(here.query('SELECT nonsense')).rejects.toThrow('nonsense');
    expect(await here.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await admin.script(['ALTER DATABASE app RESET ALL']);
  });

  test("counts what tenants do, and not pgfleet's own connections", async () => {
    await using admin = await fixture.connect(place);
    expect(await readActivity(admin)).toMatchObject({ busyBackends: 0, clientBackends: 0 });
    await asTenant({ user: 'app_owner', database: 'app' }, async (client) => {
      await client.query('BEGIN');
      expect(await readActivity(admin)).toMatchObject({ busyBackends: 1, clientBackends: 1 });
      await client.query('COMMIT');
      expect(await readActivity(admin)).toEqual({
        busyBackends: 0,
        clientBackends: 1,
        walSenders: 0,
        lastActivityAt: expect.any(Date),
      });
    });
  });
});

test('a template is refused a directory that is not empty, which stays as it is', async () => {
  await using fixture = await Fixture.open(17);
  const directory = join(fixture.directory, 'precious');
  await mkdir(directory);
  await writeFile(join(directory, 'file'), 'content');
  const { view, sandbox, owner } = fixture;
  const creation = createTemplate({ view, sandbox, directory, ...(owner ? { owner } : {}) });
  await expect(creation).rejects.toMatchObject({ code: 'initdb_failed' });
  expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('content');
});

async function availableExtensions(client: Client): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM pg_available_extensions');
  return new Set(rows.map(({ name }) => name));
}

function treeBytes(directory: string): number {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return paths.reduce((sum, path) => sum + statSync(join(directory, path)).size, 0);
}
