/*
 * Parts of queries, over `pg_namespace n` and mostly `pg_class c`. Every name in them is Postgres' own,
 * which the search path of administrative connections makes sure of; values are compared with
 * operators of Postgres' own types only.
 */

/** Relations with their schemas. */
export const RELATIONS = 'pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace';

/** The qualified name of a relation, quoted where it has to be. */
export const RELATION_NAME = `format('%I.%I', n.nspname, c.relname)`;

// A tenant may have made any number of them, and each issue of an answer has such a list.
const LISTED_NAMES = 20;

/** An array of the first of the grouped names. */
export function namesOf(name: string): string {
  return `(array_agg(DISTINCT ${name} ORDER BY ${name}))[1:${LISTED_NAMES}]`;
}

/** The same as a text. */
export function listOf(name: string): string {
  return `array_to_string(${namesOf(name)}, ', ')`;
}

// A hundred arguments with long names make a text of forty kilobytes.
const MAX_TEXT_CHARACTERS = 300;

/** A text that a tenant can make long, cut; what is cut stays different from others. */
export function bounded(text: string): string {
  return `(SELECT CASE WHEN length(whole) <= ${MAX_TEXT_CHARACTERS} THEN whole
    ELSE left(whole, ${MAX_TEXT_CHARACTERS}) || '… (' || md5(whole) || ')' END
    FROM (SELECT ${text} AS whole) AS text)`;
}

/** That an object is in a schema of the tenant's and was not made by an extension. */
export function isOwn(catalogue: 'pg_class' | 'pg_proc', oid = 'c.oid'): string {
  return `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d
      WHERE d.classid = '${catalogue}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;
}

/**
 * The roles that programs serving tables over HTTP log in with for their callers: PostgREST's
 * custom names, and Neon's.
 */
export const API_ROLES = `SELECT rolname::text AS role FROM pg_roles
  WHERE rolname IN ('anon', 'anonymous', 'authenticated')`;

/** The same, and whatever is open to every role. */
export const OPEN_ROLES = `${API_ROLES} UNION ALL SELECT 'public'`;

/** An array of those roles of a query that may do something with a relation. */
export function rolesThatMay(
  action: 'select' | 'use',
  roles: typeof API_ROLES | typeof OPEN_ROLES,
): string {
  const uses = `has_any_column_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE')
    OR has_table_privilege(r.role, c.oid, 'DELETE, TRUNCATE')`;
  const selects = `has_any_column_privilege(r.role, c.oid, 'SELECT')`;
  return `ARRAY(SELECT r.role FROM (${roles}) r
    WHERE has_schema_privilege(r.role, n.oid, 'USAGE') AND (${action === 'use' ? uses : selects})
    ORDER BY r.role)`;
}
