import { POSTGRES_DOCS } from './advisor-check.ts';
import type { AdvisorCheck } from './advisor-check.ts';
import { isOwn, listOf, namesOf, RELATION_NAME, RELATIONS } from './catalogue-sql.ts';

const PERFORMANCE = { category: 'PERFORMANCE', facing: 'INTERNAL' } as const;

// Fewer reads of a table say nothing about its indexes; making an index is one as well.
const TELLING_SCANS = 100;

// That an index `i` with the class `x` finds the rows that a foreign key `k` points from: the columns
// of the key, in whatever order, are its first. An index without the rows that point nowhere has all
// that are looked for.
const FINDS_KEY = `i.indrelid = k.conrelid AND i.indisvalid
  AND i.indnkeyatts >= cardinality(k.conkey)
  AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
  AND EXISTS (SELECT FROM pg_am m WHERE m.oid = x.relam AND m.amname IN ('btree', 'hash'))
  AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = (
    SELECT format('(%I IS NOT NULL)', a.attname) FROM pg_attribute a
    WHERE a.attrelid = k.conrelid AND cardinality(k.conkey) = 1 AND a.attnum = k.conkey[1]))`;

const indexChecks: readonly AdvisorCheck[] = [
  {
    ...PERFORMANCE,
    name: 'unindexed_foreign_keys',
    title: 'Unindexed Foreign Keys',
    level: 'INFO',
    description:
      'No index begins with the columns of a foreign key: each row that is deleted in the table it points to has all of this one read.',
    remediation: `${POSTGRES_DOCS}/ddl-constraints.html#DDL-CONSTRAINTS-FK`,
    sql: `SELECT ${RELATION_NAME} || '.' || quote_ident(k.conname) AS key,
        format('No index of table %s begins with the columns of its foreign key %I: %s.',
          ${RELATION_NAME}, k.conname, columns.listed) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'fkey_name', k.conname, 'fkey_columns', columns.names) AS metadata
      FROM ${RELATIONS} JOIN pg_constraint k ON k.conrelid = c.oid
        CROSS JOIN LATERAL (
          SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY o.position) AS listed,
            json_agg(a.attname ORDER BY o.position) AS names
          FROM unnest(k.conkey) WITH ORDINALITY AS o (attnum, position)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.attnum) AS columns
      WHERE k.contype = 'f' AND k.conparentid = 0 AND ${isOwn('pg_class')}
        AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
          WHERE ${FINDS_KEY})`,
  },
  {
    ...PERFORMANCE,
    name: 'unused_index',
    title: 'Unused Index',
    level: 'INFO',
    description:
      'No query has used an index since the statistics of the database begin, while its table was read often. Every change of the table writes to it.',
    remediation: `${POSTGRES_DOCS}/monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW`,
    sql: `SELECT format('%I.%I', n.nspname, x.relname) AS key,
        format('Index %I of table %s was used by none of the %s scans that are counted.', x.relname,
          ${RELATION_NAME}, scans) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'index', x.relname, 'table_scans', scans) AS metadata
      FROM ${RELATIONS} JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid
        CROSS JOIN LATERAL (SELECT pg_stat_get_numscans(c.oid)
          + sum(pg_stat_get_numscans(other.indexrelid)) AS scans
          FROM pg_index other WHERE other.indrelid = c.oid) AS counted
      WHERE x.relkind = 'i' AND NOT x.relispartition AND i.indisvalid AND NOT i.indisunique
        AND NOT i.indisexclusion AND pg_stat_get_numscans(x.oid) = 0 AND scans >= ${TELLING_SCANS}
        AND ${isOwn('pg_class')}
        AND NOT EXISTS (SELECT FROM pg_constraint k
          WHERE k.conrelid = c.oid AND k.contype = 'f' AND ${FINDS_KEY})`,
  },
  {
    ...PERFORMANCE,
    name: 'duplicate_index',
    title: 'Duplicate Index',
    level: 'WARN',
    description:
      'Indexes of a table differ in nothing but their names. Each of them is written at every change.',
    remediation: `${POSTGRES_DOCS}/sql-dropindex.html`,
    sql: `SELECT format('%I.%I', n.nspname, min(x.relname)) AS key,
        format('Table %s has the same index several times: %s.', ${RELATION_NAME},
          ${listOf('x.relname')}) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'indexes', to_json(${namesOf('x.relname')})) AS metadata
      FROM ${RELATIONS} JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid
      WHERE i.indisvalid AND NOT i.indisexclusion AND NOT x.relispartition AND ${isOwn('pg_class')}
      GROUP BY n.nspname, c.relname, c.oid, x.relam, i.indkey::text, i.indnkeyatts,
        i.indclass::text, i.indcollation::text, i.indoption::text, i.indisunique,
        pg_get_expr(i.indexprs, c.oid), pg_get_expr(i.indpred, c.oid),
        -- A column that there is from Postgres 15 on.
        to_jsonb(i) ->> 'indnullsnotdistinct',
        (SELECT json_agg(a.attoptions ORDER BY a.attnum)::text FROM pg_attribute a
          WHERE a.attrelid = x.oid)
      HAVING count(*) > 1`,
  },
];

const tableChecks: readonly AdvisorCheck[] = [
  {
    ...PERFORMANCE,
    name: 'no_primary_key',
    title: 'No Primary Key',
    level: 'INFO',
    description:
      'A table has no primary key: no index tells its rows apart, and logical replication cannot say which row was changed.',
    remediation: `${POSTGRES_DOCS}/ddl-constraints.html#DDL-CONSTRAINTS-PRIMARY-KEYS`,
    sql: `SELECT ${RELATION_NAME} AS key,
        format('Table %s has no primary key.', ${RELATION_NAME}) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') AS metadata
      FROM ${RELATIONS}
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
        AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
        AND ${isOwn('pg_class')}`,
  },
];

const AUTH_CALL = '(?:auth[.](?:uid|user_id|role|email|jwt|session)|current_setting)[(]';

// Text within as many pairs of parentheses as expressions of policies have.
const inParentheses = Array.from({ length: 8 }).reduce<string>(
  (inner) => `(?:[^()]|[(]${inner}[)])*`,
  '[^()]*',
);

// A sub-select that reads no table, as Postgres writes it: it is evaluated once for a query.
const NO_FROM = '(?![[:space:]]FROM[[:space:]])';
const ONCE = `[(] ?SELECT (?:${NO_FROM}(?:[^()]|[(]${inParentheses}[)]))*[)]`;

const policyChecks: readonly AdvisorCheck[] = [
  {
    ...PERFORMANCE,
    name: 'auth_rls_initplan',
    title: 'Auth RLS Initialization Plan',
    level: 'WARN',
    description:
      'A policy asks who the user is with a call that Postgres may repeat for every row. Written as a sub-select, (select auth.uid()), it is asked once for a query.',
    remediation: `${POSTGRES_DOCS}/ddl-rowsecurity.html`,
    sql: `SELECT ${RELATION_NAME} || '.' || quote_ident(p.polname) AS key,
        format('Policy %I of table %s calls current_setting() or a function of auth for each row.',
          p.polname, ${RELATION_NAME}) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'policy', p.polname) AS metadata
      FROM ${RELATIONS} JOIN pg_policy p ON p.polrelid = c.oid
      WHERE c.relrowsecurity AND ${isOwn('pg_class')}
        AND regexp_replace(concat_ws(' ', pg_get_expr(p.polqual, c.oid),
          pg_get_expr(p.polwithcheck, c.oid)), '${ONCE}', '', 'g') ~ '(^|[^[:alnum:]_.])${AUTH_CALL}'`,
  },
  {
    ...PERFORMANCE,
    name: 'multiple_permissive_policies',
    title: 'Multiple Permissive Policies',
    level: 'WARN',
    description:
      'Several permissive policies are for the same role and the same command. Postgres evaluates all of them for each row, until one lets it through.',
    remediation: `${POSTGRES_DOCS}/sql-createpolicy.html`,
    // What is for everybody counts for every role that another policy of the table names.
    sql: `SELECT concat_ws('.', ${RELATION_NAME}, quote_ident(role.name), action.name) AS key,
        format('Table %s has several permissive policies for %s by %s: %s.', ${RELATION_NAME},
          action.name, role.name, ${listOf('p.polname')}) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'role', role.name, 'action', action.name,
          'policies', to_json(${namesOf('p.polname')})) AS metadata
      FROM (SELECT DISTINCT polrelid, unnest(polroles) AS oid FROM pg_policy) AS named
        JOIN pg_policy p ON p.polrelid = named.polrelid AND p.polpermissive
          AND p.polroles && ARRAY[0::oid, named.oid]
        JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN (VALUES ('r', 'SELECT'), ('a', 'INSERT'), ('w', 'UPDATE'), ('d', 'DELETE'))
          AS action (code, name) ON p.polcmd::text IN ('*', action.code)
        CROSS JOIN LATERAL (SELECT CASE named.oid WHEN 0 THEN 'public'
          ELSE pg_get_userbyid(named.oid)::text END AS name) AS role
      WHERE c.relrowsecurity AND ${isOwn('pg_class')}
      GROUP BY n.nspname, c.relname, role.name, action.name
      HAVING count(*) > 1`,
  },
];

/** What costs time or space for nothing. */
export const performanceChecks: readonly AdvisorCheck[] = [
  ...indexChecks,
  ...tableChecks,
  ...policyChecks,
];
