import { waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applySpec } from '../apply-spec.ts';
import { Fixture } from '../fixture.ts';
import { findInstallations } from '../installation.ts';
import type { InstancePlace } from '../instance.ts';
import type { AdvisorIssue } from './advisor-check.ts';
import { advisorExamples, SHOW } from './advisor-examples.ts';
import { findIssues, MAX_ISSUES } from './find-issues.ts';
import type { FindIssuesOptions } from './find-issues.ts';
import { performanceChecks } from './performance-checks.ts';
import { securityChecks } from './security-checks.ts';

const majors = (await findInstallations()).map(({ major }) => major);

test('every check but the one of statistics has an example', () => {
  const names = [...securityChecks, ...performanceChecks].map(({ name }) => name);
  expect(names.toSorted()).toEqual(
    [...advisorExamples.map(({ check }) => check), 'unused_index'].toSorted(),
  );
});

describe.each(majors)('advisors of Postgres %i', (major) => {
  let fixture: Fixture;
  let place: InstancePlace;
  let database: string;
  let count = 0;
  beforeAll(async () => {
    fixture = await Fixture.open(major);
    const made = await fixture.clone();
    await fixture.start(made);
    place = made;
    await using admin = await fixture.connect(place);
    await admin.script(
      ['anonymous', 'authenticated', 'worker'].map((role) => `CREATE ROLE ${role}`),
    );
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  beforeEach(async () => {
    count += 1;
    database = `db_${count}`;
    await using admin = await fixture.connect(place);
    const { adminSecret } = fixture.template;
    const databases = [{ name: database, owner: 'neondb_owner' }];
    await applySpec(admin, { adminSecret, roles: [], databases });
    await tenant(
      'CREATE SCHEMA app',
      'GRANT USAGE ON SCHEMA app TO PUBLIC',
      'CREATE SCHEMA hidden',
    );
  });

  /** Runs statements as the tenant would. */
  async function tenant(...statements: readonly string[]): Promise<void> {
    await using connection = await fixture.connect(place, { database });
    await connection.script(['SET search_path = public', 'SET SESSION AUTHORIZATION neondb_owner']);
    for (const statement of statements) await connection.query(statement);
  }

  async function find(options?: FindIssuesOptions): Promise<readonly AdvisorIssue[]> {
    await using connection = await fixture.connect(place, { database });
    return await findIssues(connection, options);
  }

  const names = (issues: readonly AdvisorIssue[]) => [...new Set(issues.map(({ name }) => name))];

  test('an empty database has no issues', async () => {
    expect(await find()).toEqual([]);
  });

  test.each(advisorExamples.filter(({ since = 0 }) => since <= major))(
    '$check finds what it is for and nothing else',
    async ({ check, sql, found }) => {
      await tenant(...sql);
      const issues = (await find()).filter(({ name }) => name === check);
      const told = issues.map(({ cache_key, level, detail }) => [
        cache_key.replace(`${check}_`, ''),
        [level, detail],
      ]);
      expect(Object.fromEntries(told)).toEqual(found);
    },
  );

  test('an issue is told as the contract has it', async () => {
    await tenant('CREATE TABLE shown (id int PRIMARY KEY)', SHOW);
    const [issue] = await find();
    expect(issue).toEqual({
      name: 'rls_disabled_in_public',
      title: 'RLS Disabled in Public',
      level: 'ERROR',
      facing: 'EXTERNAL',
      categories: ['SECURITY'],
      description: expect.stringContaining('row-level security') as string,
      detail: expect.stringContaining('public.shown') as string,
      remediation: 'https://www.postgresql.org/docs/current/ddl-rowsecurity.html',
      metadata: { schema: 'public', name: 'shown', type: 'table', roles: ['authenticated'] },
      cache_key: 'rls_disabled_in_public_public.shown',
    });
  });

  test('an index that no query used is told once its table was read often', async () => {
    await tenant(
      'CREATE TABLE target (id int PRIMARY KEY)',
      'CREATE TABLE t (id int PRIMARY KEY, a int, b int REFERENCES target)',
      'CREATE INDEX unused ON t (a)',
      'CREATE INDEX for_the_key ON t (b)',
      'CREATE TABLE quiet (id int PRIMARY KEY, a int)',
      'CREATE INDEX unread ON quiet (a)',
    );
    await tenant('DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM FROM t; END LOOP; END $$');
    const found = await waitUntil(
      async () => {
        const issues = (await find()).filter(({ name }) => name === 'unused_index');
        return issues.length > 0 ? issues : undefined;
      },
      { what: 'the statistics of the scans', timeoutMs: 30_000 },
    );
    expect(found.map(({ cache_key }) => cache_key)).toEqual(['unused_index_public.unused']);
    expect(found[0]?.metadata).toMatchObject({ index: 'unused', schema: 'public', name: 't' });
  });

  test('only what is asked for is told, the worst first', async () => {
    await tenant(
      'CREATE TABLE shown (id int)',
      SHOW,
      'CREATE EXTENSION citext',
      'CREATE INDEX a ON shown (id)',
      'CREATE INDEX b ON shown (id)',
    );
    const [error, security] = ['rls_disabled_in_public', 'extension_in_public'];
    const [duplicate, key] = ['duplicate_index', 'no_primary_key'];
    expect(names(await find())).toEqual([error, security, duplicate, key]);
    expect(names(await find({ minLevel: 'WARN' }))).toEqual([error, security, duplicate]);
    expect(names(await find({ minLevel: 'ERROR' }))).toEqual([error]);
    expect(names(await find({ category: 'SECURITY' }))).toEqual([error, security]);
    expect(names(await find({ category: 'PERFORMANCE', minLevel: 'WARN' }))).toEqual([duplicate]);
  });

  test('a table is no error while no role of an API may use it', async () => {
    await tenant('CREATE TABLE closed (id int PRIMARY KEY)');
    expect(await find({ minLevel: 'WARN' })).toEqual([]);
  });

  test('keys are the same each time and of one issue each', async () => {
    await tenant(
      'CREATE TABLE "a.b" (id int)',
      'CREATE SCHEMA "public.a"',
      'CREATE TABLE "public.a".b (id int)',
      'CREATE SCHEMA "a_b"',
      'CREATE TABLE a_b.c (id int)',
      'CREATE SCHEMA "a"',
      'CREATE TABLE a.b_c (id int)',
    );
    const keys = async () => (await find()).map(({ cache_key }) => cache_key);
    const found = await keys();
    expect(new Set(found).size).toBe(found.length);
    expect(found).toContain('no_primary_key_public."a.b"');
    expect(await keys()).toEqual(found);
  });

  test('no more than a thousand issues are told, and none of the worst is missing', async () => {
    await tenant(
      `DO $$ BEGIN FOR i IN 1..${MAX_ISSUES} LOOP
        EXECUTE format('CREATE TABLE t_%s (id int)', i); END LOOP; END $$`,
      'CREATE TABLE z (id int)',
      'GRANT SELECT ON z TO PUBLIC',
    );
    const issues = await find();
    expect(issues).toHaveLength(MAX_ISSUES);
    expect(issues[0]).toMatchObject({ level: 'ERROR', metadata: { name: 'z' } });
  });

  test('an issue names no more than a few of the many objects that it is about', async () => {
    await tenant(
      'CREATE TABLE t (id int PRIMARY KEY)',
      `DO $$ BEGIN FOR i IN 1..100 LOOP
        EXECUTE format('CREATE POLICY p_%s ON t USING (id = %s)', i, i); END LOOP; END $$`,
    );
    const [issue] = await find({ minLevel: 'ERROR' });
    expect(issue?.metadata['policies']).toHaveLength(20);
  });

  test('an issue about a function says no more of it than anybody reads', async () => {
    const long = (index: number) => `"${'é'.repeat(25)}${String(index).padStart(3, '0')}" int`;
    const args = Array.from({ length: 100 }, (_, index) => long(index)).join(', ');
    for (const last of ['x', 'y'])
      await tenant(
        `CREATE FUNCTION public.many(${args.replace('099"', `099${last}"`)}) RETURNS int
          LANGUAGE sql AS 'SELECT 1'`,
        `ALTER FUNCTION public.many RENAME TO many_${last}`,
      );
    const issues = await find({ category: 'SECURITY' });
    const told = issues.filter(({ name }) => name === 'function_search_path_mutable');
    expect(told).toHaveLength(2);
    for (const issue of told) expect(JSON.stringify(issue).length).toBeLessThan(3000);
  });

  test('nothing of the tenant is run, whatever it is called', async () => {
    const trap = (name: string, args: string, result: string) =>
      `CREATE FUNCTION public.${name}(${args}) RETURNS ${result} LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'sprung by %', current_user; END $$`;
    await tenant('CREATE TABLE shown (id int PRIMARY KEY, password text)', SHOW);
    const before = await find({ minLevel: 'WARN' });
    expect(before).toHaveLength(2);
    await tenant(
      trap('format', 'text, VARIADIC anyarray', 'text'),
      trap('format', 'text, text, text', 'text'),
      trap('has_table_privilege', 'text, oid, text', 'boolean'),
      trap('has_any_column_privilege', 'text, oid, text', 'boolean'),
      trap('has_schema_privilege', 'text, oid, text', 'boolean'),
      trap('quote_ident', 'name', 'text'),
      trap('quote_ident', 'text', 'text'),
      trap('same_name', 'name, name', 'boolean'),
      trap('same_text', 'text, text', 'boolean'),
      trap('same_oid', 'oid, oid', 'boolean'),
      ...['name', 'text', 'oid'].map(
        (type) =>
          `CREATE OPERATOR public.= (FUNCTION = public.same_${type}, LEFTARG = ${type}, RIGHTARG = ${type})`,
      ),
      'CREATE TABLE public.pg_class (oid oid)',
      'CREATE VIEW public.pg_namespace AS SELECT 1 AS oid',
      'CREATE TYPE public.regclass AS ENUM ()',
      `ALTER DATABASE ${database} SET search_path = public, pg_catalog`,
      `ALTER DATABASE ${database} SET quote_all_identifiers = on`,
      `ALTER DATABASE ${database} SET statement_timeout = 1`,
      `ALTER DATABASE ${database} SET default_transaction_isolation = serializable`,
      `ALTER DATABASE ${database} SET default_transaction_deferrable = on`,
      `ALTER DATABASE ${database} SET standard_conforming_strings = off`,
    );
    expect(await find({ minLevel: 'WARN' })).toEqual(before);
  });

  test('what a catalogue is too large or too busy for ends', async () => {
    await using other = await fixture.connect(place, { database });
    await using connection = await fixture.connect(place, { database });
    await other.query('BEGIN');
    await other.query('LOCK TABLE pg_policy IN ACCESS EXCLUSIVE MODE');
    const found = findIssues(connection, { checkTimeoutMs: 100 });
    await expect(found).rejects.toMatchObject({ code: 'analysis_too_slow' });
    await other.query('ROLLBACK');
  });

  test('nothing is asked for somebody who went away', async () => {
    const signal = AbortSignal.abort(new Error('gone'));
    await expect(find({ signal })).rejects.toThrow('gone');
  });
});
