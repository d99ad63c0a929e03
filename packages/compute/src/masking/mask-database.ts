/*
 * Masks the tables of one database of a cluster that nobody else uses.
 *
 * Rows are rewritten by a role that is the owner of the tables and nothing more; whatever of the
 * tenant's runs meanwhile (checks, expressions of indexes, casts, queries of materialized views) has
 * only its rights. Triggers sleep. Afterwards the tables are written anew, with their indexes, and
 * the statistics of their columns are taken again: no page is left that has a former value.
 */
import { escapeIdentifier as name } from 'pg';
import type { AdminConnection } from '../admin-connection.ts';
import { byTable, findMaskedTable } from './masked-table.ts';
import type { MaskedTable } from './masked-table.ts';
import { maskTable } from './mask-table.ts';
import { createMaskingFunctions } from './masking-functions.ts';
import { namingRefusals } from './masking-refusal.ts';
import type { MaskingRule } from './masking-rule.ts';

/** Where the rows of one database are masked. */
export interface MaskingSite {
  readonly database: string;
  readonly admin: AdminConnection;
  /** Opens a connection as {@link role}. */
  readonly openMasker: () => Promise<AdminConnection>;
  /** Who masks; it exists, and has no rights in this database yet. */
  readonly role: string;
  /** A schema that does not exist yet, for the masking functions. */
  readonly schema: string;
}

/** Follows the rules for a database. @throws ComputeError `masking_refused`. */
export async function maskDatabase(
  site: MaskingSite,
  rules: readonly MaskingRule[],
): Promise<void> {
  const { admin, database, schema } = site;
  const tables: MaskedTable[] = [];
  for (const group of byTable(rules)) tables.push(await findMaskedTable(admin, group));
  const relations = await listAffected(admin, tables);
  const wakeTriggers = await silenceTriggers(admin, relations);
  await letIn(site, relations);
  {
    await using masker = await site.openMasker();
    await masker.query(`SET search_path = "$user", public`);
    for (const table of tables) {
      await namingRefusals(`${table.title} cannot be masked`, () =>
        maskTable(masker, table, schema),
      );
    }
    await refreshViews(masker, database);
  }
  await admin.script([
    `DROP OWNED BY ${name(site.role)} CASCADE`,
    `DROP SCHEMA ${name(schema)} CASCADE`,
  ]);
  for (const statement of wakeTriggers) await admin.query(statement);
  await rewrite(site, relations);
}

interface Relation {
  readonly oid: string;
  /** With its schema, and quoted. */
  readonly sql: string;
  readonly kind: 'r' | 'p' | 'm';
}

// Tables with all that inherits from them or follows them, and materialized views, which have copies.
function listAffected(
  admin: AdminConnection,
  tables: readonly MaskedTable[],
): Promise<(Relation & Record<string, unknown>)[]> {
  const roots = tables.flatMap(({ sql, followers }) => [
    sql,
    ...followers.map(({ table }) => table),
  ]);
  return admin.query(
    `WITH RECURSIVE affected (oid) AS (
        SELECT unnest($1::text[])::regclass::oid
        UNION SELECT inhrelid FROM pg_inherits JOIN affected ON inhparent = affected.oid)
      SELECT c.oid::text AS oid, format('%I.%I', nspname, relname) AS sql, relkind AS kind
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE (c.oid IN (SELECT oid FROM affected) AND relkind IN ('r', 'p'))
          OR (relkind = 'm' AND relispopulated)
        ORDER BY c.oid`,
    [roots],
  );
}

/** Returns the statements that wake what would run although the session is one of a replica. */
async function silenceTriggers(
  admin: AdminConnection,
  relations: readonly Relation[],
): Promise<readonly string[]> {
  const found = await admin.query<{ silence: string; wake: string }>(
    `SELECT format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', tgrelid::regclass, tgname) AS silence,
        format('ALTER TABLE ONLY %s ENABLE %s TRIGGER %I', tgrelid::regclass,
          CASE tgenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END, tgname) AS wake
      FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('A', 'R')
        AND tgrelid = ANY ($1::oid[])
      UNION ALL
      SELECT format('ALTER TABLE %s DISABLE RULE %I', ev_class::regclass, rulename),
        format('ALTER TABLE %s ENABLE %s RULE %I', ev_class::regclass,
          CASE ev_enabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END, rulename)
      FROM pg_rewrite WHERE ev_enabled IN ('A', 'R') AND ev_class = ANY ($1::oid[])`,
    [relations.map(({ oid }) => oid)],
  );
  for (const { silence } of found) await admin.query(silence);
  return found.map(({ wake }) => wake);
}

// The owner of the database, and whoever else owns what is written, if no superuser.
async function letIn(
  { admin, role, schema }: MaskingSite,
  relations: readonly Relation[],
): Promise<void> {
  const owners = await admin.query<{ owner: string }>(
    `SELECT rolname AS owner FROM pg_authid WHERE NOT rolsuper AND oid IN (
        SELECT relowner FROM pg_class WHERE oid = ANY ($1::oid[])
        UNION SELECT datdba FROM pg_database WHERE datname = current_database())`,
    [relations.map(({ oid }) => oid)],
  );
  const quoted = name(role);
  await admin.script([
    ...owners.map(({ owner }) => `GRANT ${name(owner)} TO ${quoted}`),
    `CREATE SCHEMA ${name(schema)}`,
    `GRANT USAGE ON SCHEMA ${name(schema)} TO ${quoted}`,
    ...createMaskingFunctions(schema),
  ]);
}

// One that is made of another comes after it; which tables a function reads, nobody knows, so it is
// all of them.
async function refreshViews(masker: AdminConnection, database: string): Promise<void> {
  const views = await masker.query<{ sql: string }>(
    `WITH RECURSIVE uses (dependent, source) AS (
        SELECT DISTINCT ev_class, refobjid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
          WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
            AND refobjid <> ev_class),
      walk (oid, depth) AS (
        SELECT oid, 0 FROM pg_class WHERE relkind = 'm'
        UNION SELECT dependent, depth + 1 FROM walk JOIN uses ON source = walk.oid WHERE depth < 100)
      SELECT format('%I.%I', nspname, relname) AS sql
        FROM walk JOIN pg_class c ON c.oid = walk.oid JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind = 'm' AND relispopulated
        GROUP BY nspname, relname ORDER BY max(depth)`,
  );
  for (const { sql } of views) {
    await namingRefusals(`the materialized view ${database}.${sql} cannot be refreshed`, () =>
      masker.query(`REFRESH MATERIALIZED VIEW ${sql}`),
    );
  }
}

// Statistics hold values of the columns, also where none are taken any more.
async function rewrite(
  { admin, database }: MaskingSite,
  relations: readonly Relation[],
): Promise<void> {
  const oids = relations.map(({ oid }) => oid);
  await admin.query(
    `DELETE FROM pg_statistic WHERE starelid = ANY ($1::oid[])
      OR starelid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY ($1::oid[]))`,
    [oids],
  );
  await admin.query(
    `DELETE FROM pg_statistic_ext_data WHERE stxoid IN (
      SELECT oid FROM pg_statistic_ext WHERE stxrelid = ANY ($1::oid[]))`,
    [oids],
  );
  for (const { sql, kind } of relations) {
    const command = kind === 'r' ? 'VACUUM (FULL, ANALYZE)' : 'ANALYZE';
    await namingRefusals(`${database}.${sql} cannot be written anew`, () =>
      admin.query(`${command} ${sql}`),
    );
  }
  for (const catalogue of ['pg_statistic', 'pg_statistic_ext_data']) {
    await admin.query(`VACUUM FULL pg_catalog.${catalogue}`);
  }
}
