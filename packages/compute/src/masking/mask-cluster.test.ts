import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AdminConnection } from '../admin-connection.ts';
import { Fixture } from '../fixture.ts';
import { findInstallations } from '../installation.ts';
import type { Instance, InstancePlace } from '../instance.ts';
import { maskCluster } from './mask-cluster.ts';
import type { MaskingExpression, MaskingRule } from './masking-rule.ts';

const majors = (await findInstallations()).map(({ major }) => major);

type Place = InstancePlace & { readonly logFile: string };

const text = (value: string): MaskingExpression => ({ kind: 'literal', type: 'text', value });
const number = (value: number): MaskingExpression => ({
  kind: 'literal',
  type: 'number',
  value: String(value),
});
const column = (name: string): MaskingExpression => ({ kind: 'column', name });
const anon = (name: string, ...args: readonly MaskingExpression[]): MaskingExpression => ({
  kind: 'call',
  schema: 'anon',
  name,
  args: args.map((value) => ({ value })),
});

describe.each(majors)('masking in Postgres %i', (major) => {
  let fixture: Fixture;
  let place: Place;
  let instance: Instance;
  let admin: AdminConnection;
  let inside: AdminConnection;
  beforeAll(async () => {
    fixture = await Fixture.open(major);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  beforeEach(async () => {
    place = await fixture.clone();
    instance = await fixture.start(place, { settings: { max_prepared_transactions: '5' } });
    admin = await fixture.connect(place);
    inside = await fixture.connect(place, { database: 'neondb' });
    return async () => {
      await inside[Symbol.asyncDispose]();
      await admin[Symbol.asyncDispose]();
      await instance.stop('fast');
    };
  });

  const open = (database: string) => fixture.connect(place, { database });

  /** Runs statements as the tenant would. */
  async function tenant(...statements: readonly string[]): Promise<void> {
    await inside.script([
      'SET LOCAL search_path = public',
      'SET LOCAL ROLE neondb_owner',
      ...statements,
    ]);
  }

  function mask(table: string, columns: Readonly<Record<string, MaskingExpression>>) {
    const rules = Object.entries(columns).map(
      ([name, expression]): MaskingRule => ({
        database: 'neondb',
        schema: 'public',
        table,
        column: name,
        expression,
      }),
    );
    return maskAll(rules);
  }

  function maskAll(rules: readonly MaskingRule[]): Promise<void> {
    const openAs = (
      database: string,
      { role, secret, options }: { role: string; secret: string; options: string },
    ) =>
      AdminConnection.open({
        socketDirectory: place.socketDirectory,
        secrets: [secret],
        role,
        options,
        database,
      });
    return maskCluster({ connection: admin, open, openAs }, rules);
  }

  async function rows(sql: string): Promise<unknown[]> {
    return inside.query(sql);
  }

  /** Names of files below the data directory, but for the WAL, that have a text inside. */
  async function filesWith(value: string): Promise<string> {
    await admin.query('CHECKPOINT');
    const { stdout } = await promisify(execFile)(
      'grep',
      ['-rlaF', '--exclude-dir=pg_wal', '--', value, place.dataDirectory],
      { encoding: 'utf8' },
    ).catch((error: { code: number; stdout: string }) => {
      if (error.code === 1) return { stdout: '' };
      throw error;
    });
    return stdout;
  }

  test('values are replaced, and none is left in heap, index, TOAST, statistics or view', async () => {
    await tenant(
      `CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, phone varchar(20), note text,
        age int, born date, town text, loud text GENERATED ALWAYS AS (upper(email)) STORED)`,
      'ALTER TABLE users ALTER COLUMN note SET STORAGE EXTERNAL',
      `INSERT INTO users SELECT i, 'secret' || i % 50 || '-' || i || '@clear.example', '0301234567',
        repeat('hidden words ', 400), 40, '1980-05-05', 'Cleartown' FROM generate_series(1, 300) i`,
      `CREATE INDEX ON users (lower(email))`,
      'CREATE VIEW letters AS SELECT email FROM users',
      'CREATE MATERIALIZED VIEW copies AS SELECT email FROM letters',
      'CREATE MATERIALIZED VIEW copies_of_copies AS SELECT email FROM copies',
    );
    await inside.query('ANALYZE');
    expect(await filesWith('@clear.example')).not.toBe('');
    expect(await filesWith('hidden words')).not.toBe('');
    expect(await filesWith('Cleartown')).not.toBe('');
    await mask('users', {
      email: anon('fake_email'),
      phone: anon('partial', column('phone'), number(3), text('****'), number(2)),
      note: text('CONFIDENTIAL'),
      town: anon('fake_city'),
      age: anon('random_int_between', number(20), number(30)),
      born: anon('random_date_between', text('1990-01-01'), text('1990-12-31')),
    });
    const [sums] = await rows(
      `SELECT count(*)::int AS n, count(DISTINCT email)::int AS emails, min(phone) AS phone,
        max(note) AS note, min(age) >= 20 AND max(age) <= 30 AS age,
        bool_and(extract(year FROM born) = 1990) AS born, bool_and(loud = upper(email)) AS loud,
        bool_and(email ~ '^[a-z]+\\.[a-z]+\\d{7}@example\\.(com|net|org)$') AS shape FROM public.users`,
    );
    expect(sums).toEqual({
      n: 300,
      emails: 300,
      phone: '030****67',
      note: 'CONFIDENTIAL',
      age: true,
      born: true,
      loud: true,
      shape: true,
    });
    expect(
      await rows('SELECT FROM public.copies_of_copies NATURAL JOIN public.users'),
    ).toHaveLength(300);
    expect(
      await rows(`SELECT FROM pg_stats WHERE tablename = 'users' AND attname = 'email'`),
    ).toHaveLength(1);
    expect(await filesWith('@clear.example')).toBe('');
    expect(await filesWith('@CLEAR.EXAMPLE')).toBe('');
    expect(await filesWith('hidden words')).toBe('');
    expect(await filesWith('Cleartown')).toBe('');
    expect(await rows(`SELECT FROM pg_namespace WHERE nspname ~ 'masking'`)).toEqual([]);
    expect(await rows(`SELECT FROM pg_roles WHERE rolname ~ 'masking'`)).toEqual([]);
  });

  test('triggers and rules of any kind sleep, and are afterwards as they were', async () => {
    await tenant(
      'CREATE TABLE people (id int, name text)',
      `INSERT INTO people VALUES (1, 'Clear Name')`,
      'CREATE TABLE told (what text)',
      `CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.told VALUES (old.name); RETURN new; END $$`,
      'CREATE TRIGGER a BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION tell()',
      'CREATE TRIGGER b BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION tell()',
      'ALTER TABLE people ENABLE ALWAYS TRIGGER b',
      'CREATE RULE r AS ON UPDATE TO people DO INSTEAD NOTHING',
      'ALTER TABLE people ENABLE REPLICA RULE r',
    );
    await mask('people', { name: anon('fake_last_name') });
    expect(await rows('SELECT * FROM public.told')).toEqual([]);
    expect(await rows(`SELECT FROM public.people WHERE name = 'Clear Name'`)).toEqual([]);
    expect(
      await rows(`SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1`),
    ).toEqual([
      { tgname: 'a', tgenabled: 'O' },
      { tgname: 'b', tgenabled: 'A' },
    ]);
    expect(await rows(`SELECT ev_enabled FROM pg_rewrite WHERE rulename = 'r'`)).toEqual([
      { ev_enabled: 'R' },
    ]);
  });

  test('what refers to a masked key follows it, also within the table', async () => {
    await tenant(
      'CREATE TABLE staff (ssn text PRIMARY KEY, boss text REFERENCES staff, town text NOT NULL)',
      'CREATE TABLE pay (ssn text REFERENCES staff, amount int)',
      `INSERT INTO staff VALUES ('111-clear', NULL, 'x'), ('222-clear', '111-clear', 'y')`,
      `INSERT INTO pay VALUES ('111-clear', 10), ('222-clear', 20), ('222-clear', 21), (NULL, 30)`,
    );
    await mask('staff', { ssn: anon('hash', column('ssn')), town: anon('fake_city') });
    const found = await rows(
      `SELECT s.town <> 'x' AS masked, b.ssn IS NOT NULL AS led, sum(amount)::int AS amount
        FROM public.staff s LEFT JOIN public.staff b ON b.ssn = s.boss
          LEFT JOIN public.pay p ON p.ssn = s.ssn GROUP BY s.ssn, s.town, b.ssn ORDER BY amount`,
    );
    expect(found).toEqual([
      { masked: true, led: false, amount: 10 },
      { masked: true, led: true, amount: 41 },
    ]);
    expect(await filesWith('-clear')).toBe('');
  });

  test('partitions and children of tables are masked with them', async () => {
    await tenant(
      'CREATE TABLE parted (id int, who text, at date) PARTITION BY RANGE (at)',
      `CREATE TABLE parted_a PARTITION OF parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`,
      'CREATE TABLE parted_b PARTITION OF parted DEFAULT',
      `INSERT INTO parted VALUES (1, 'clear one', '2020-06-01'), (2, 'clear two', '2025-06-01')`,
      'CREATE TABLE base (who text)',
      'CREATE TABLE derived (more int) INHERITS (base)',
      `INSERT INTO derived VALUES ('clear three', 1)`,
    );
    await mask('parted', { who: anon('random_string', number(12)), at: text('2020-02-02') });
    await mask('base', { who: anon('pseudo_first_name', column('who')) });
    expect(
      await rows(
        `SELECT tableoid::regclass::text AS t, bool_and(length(who) = 12) AS masked,
          count(DISTINCT who)::int AS n FROM public.parted GROUP BY 1`,
      ),
    ).toEqual([{ t: 'public.parted_a', masked: true, n: 2 }]);
    expect(await filesWith('clear one')).toBe('');
    expect(await filesWith('clear three')).toBe('');
  });

  test('row security hides no row from masking, and prepared transactions do not hold it up', async () => {
    await tenant(
      'CREATE TABLE guarded (who text)',
      `INSERT INTO guarded VALUES ('clear')`,
      'ALTER TABLE guarded ENABLE ROW LEVEL SECURITY',
      'ALTER TABLE guarded FORCE ROW LEVEL SECURITY',
      'CREATE POLICY none ON guarded USING (false)',
    );
    await inside.query('BEGIN');
    await inside.query(`INSERT INTO public.guarded VALUES ('clear too')`);
    await inside.query(`PREPARE TRANSACTION 'half'`);
    await mask('guarded', { who: { kind: 'literal', type: 'null' } });
    expect(await rows('SELECT who FROM public.guarded')).toEqual([{ who: null }]);
    expect(await rows('SELECT FROM pg_prepared_xacts')).toEqual([]);
  });

  test('code of the tenant that runs meanwhile has none of the rights of a superuser', async () => {
    await tenant(
      'CREATE TABLE trap (who text)',
      `INSERT INTO trap VALUES ('clear')`,
      `CREATE FUNCTION grab(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        IF $1 <> 'clear' THEN
          RESET ROLE; RESET SESSION AUTHORIZATION;
          EXECUTE 'ALTER ROLE neondb_owner SUPERUSER';
        END IF; RETURN true; END $$`,
      'ALTER TABLE trap ADD CHECK (grab(who))',
    );
    await expect(mask('trap', { who: text('x') })).rejects.toMatchObject({
      code: 'masking_refused',
    });
    expect(await rows('SELECT FROM pg_roles WHERE rolsuper')).toHaveLength(1);
  });

  test('rules that cannot be followed are refused, without a value of any row', async () => {
    await tenant(
      `CREATE TABLE t (a text UNIQUE, n text NOT NULL, d date, i int GENERATED ALWAYS AS IDENTITY,
        g text GENERATED ALWAYS AS (upper(a)) STORED)`,
      `INSERT INTO t (a, n) VALUES ('clear1', 'clear'), ('clear2', 'clear')`,
      'CREATE TABLE c (a text REFERENCES t (a))',
      'CREATE VIEW v AS SELECT a FROM t',
    );
    const none = { kind: 'literal', type: 'null' } as const;
    const noise = anon('noise', column('n'), number(1));
    const refusals: readonly [string, Readonly<Record<string, MaskingExpression>>, string][] = [
      ['nothing', { a: text('x') }, 'there is no table neondb.public.nothing'],
      ['t', { nope: text('x') }, 'the table neondb.public.t has no column nope'],
      ['t', { a: anon('hash', column('nope')) }, 'has no column nope'],
      ['v', { a: text('x') }, 'neondb.public.v is no table'],
      ['t', { g: text('x') }, 'neondb.public.t.g is generated'],
      ['t', { i: number(1) }, 'neondb.public.t.i is always generated'],
      ['c', { a: text('x') }, 'is part of the foreign key "c_a_fkey"'],
      ['t', { n: none }, 'column "n", SQLSTATE 23502'],
      ['t', { a: text('x') }, 'constraint "t_a_key", SQLSTATE 23505'],
      ['t', { d: column('n') }, 'SQLSTATE 22007'],
      ['t', { n: noise }, 'SQLSTATE 42883'],
    ];
    for (const [table, columns, problem] of refusals) {
      const refusal: unknown = await mask(table, columns).catch((error: unknown) => error);
      expect(refusal).toMatchObject({
        code: 'masking_refused',
        message: expect.stringContaining(problem) as string,
      });
      expect((refusal as Error).message).not.toContain('clear');
    }
    const elsewhere = { database: 'postgres', schema: 'public', table: 't', column: 'a' };
    await expect(maskAll([{ ...elsewhere, expression: none }])).rejects.toMatchObject({
      message: 'there is no database postgres',
    });
  });
});
