import { POSTGRES_DOCS } from './advisor-check.ts';
import type { AdvisorCheck } from './advisor-check.ts';
import {
  API_ROLES,
  bounded,
  isOwn,
  listOf,
  namesOf,
  OPEN_ROLES,
  RELATION_NAME,
  RELATIONS,
  rolesThatMay,
} from './catalogue-sql.ts';

const SECURITY = { category: 'SECURITY', facing: 'EXTERNAL' } as const;

const OPEN_TABLE = (kind: string) =>
  `json_build_object('schema', n.nspname, 'name', c.relname, 'type', '${kind}', 'roles', to_json(roles))`;

const withRoles = (roles: string) => `CROSS JOIN LATERAL (SELECT ${roles} AS roles) AS reached`;

// Names that columns have for what nobody but their owner may read, whatever else the table holds.
const SENSITIVE_COLUMNS = `password passwd pwd password_hash passphrase pin secret client_secret
  secret_key private_key api_key apikey token auth_token access_token refresh_token session_token
  jwt otp otp_secret totp_secret mfa_secret 2fa_secret recovery_code ssh_key pgp_key
  ssn social_security_number passport_number national_id tax_id driver_license
  credit_card card_number cvv cvc iban bank_account account_number routing_number
  health_record medical_record`
  .split(/\s+/)
  .map((name) => `'${name}'`)
  .join(', ');

const rowSecurityChecks: readonly AdvisorCheck[] = [
  {
    ...SECURITY,
    name: 'rls_disabled_in_public',
    title: 'RLS Disabled in Public',
    level: 'ERROR',
    rowLevel: `CASE WHEN is_open THEN 'ERROR' ELSE 'INFO' END`,
    description:
      'A table in the schema public has no row-level security: whoever may use it sees all of its rows. It is an error where every role or a role of an API may use it.',
    remediation: `${POSTGRES_DOCS}/ddl-rowsecurity.html`,
    sql: `SELECT ${RELATION_NAME} AS key, cardinality(roles) > 0 AS is_open,
        format('Table %s has no row-level security, and %s', ${RELATION_NAME},
          CASE WHEN cardinality(roles) > 0
            THEN 'may be used by ' || array_to_string(roles, ', ') || '.'
            ELSE 'is closed to roles of an API so far.' END) AS detail,
        ${OPEN_TABLE('table')} AS metadata
      FROM ${RELATIONS} ${withRoles(rolesThatMay('use', OPEN_ROLES))}
      WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
        AND (NOT c.relispartition OR cardinality(roles) > 0) AND ${isOwn('pg_class')}`,
  },
  {
    ...SECURITY,
    name: 'policy_exists_rls_disabled',
    title: 'Policy Exists RLS Disabled',
    level: 'ERROR',
    description:
      'A table has policies that nobody is held to, since its row-level security was never enabled or was disabled.',
    remediation: `${POSTGRES_DOCS}/sql-altertable.html`,
    sql: `SELECT ${RELATION_NAME} AS key,
        format('Table %s has policies without effect, since its row-level security is disabled: %s.',
          ${RELATION_NAME}, ${listOf('p.polname')}) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'policies', to_json(${namesOf('p.polname')})) AS metadata
      FROM ${RELATIONS} JOIN pg_policy p ON p.polrelid = c.oid
      WHERE NOT c.relrowsecurity AND ${isOwn('pg_class')}
      GROUP BY n.nspname, c.relname`,
  },
  {
    ...SECURITY,
    name: 'rls_enabled_no_policy',
    title: 'RLS Enabled No Policy',
    level: 'INFO',
    description:
      'A table has row-level security and no policy, so that nobody but its owner sees a row of it.',
    remediation: `${POSTGRES_DOCS}/sql-createpolicy.html`,
    sql: `SELECT ${RELATION_NAME} AS key,
        format('Table %s has row-level security, but no policy lets anybody see its rows.',
          ${RELATION_NAME}) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table') AS metadata
      FROM ${RELATIONS}
      WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND ${isOwn('pg_class')}
        AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)`,
  },
  {
    ...SECURITY,
    name: 'rls_policy_always_true',
    title: 'RLS Policy Always True',
    level: 'WARN',
    description:
      'A policy that everybody or a role of an API writes under has the expression true: it keeps nobody from changing any row.',
    remediation: `${POSTGRES_DOCS}/sql-createpolicy.html`,
    sql: `SELECT ${RELATION_NAME} || '.' || quote_ident(p.polname) AS key,
        format('Policy %I of table %s lets everybody whom it is for write any row.', p.polname,
          ${RELATION_NAME}) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'policy', p.polname) AS metadata
      FROM ${RELATIONS} JOIN pg_policy p ON p.polrelid = c.oid
      WHERE c.relrowsecurity AND p.polpermissive AND ${isOwn('pg_class')}
        AND (p.polcmd IN ('*', 'w', 'd') AND pg_get_expr(p.polqual, c.oid) = 'true'
          OR p.polcmd IN ('*', 'w', 'a') AND pg_get_expr(p.polwithcheck, c.oid) = 'true')
        AND EXISTS (SELECT FROM unnest(p.polroles) AS member (oid)
          WHERE member.oid = 0 OR pg_get_userbyid(member.oid)::text IN (${API_ROLES}))`,
  },
];

const exposureChecks: readonly AdvisorCheck[] = [
  {
    ...SECURITY,
    name: 'sensitive_columns_exposed',
    title: 'Sensitive Columns Exposed',
    level: 'ERROR',
    description:
      'A table in the schema public without row-level security has columns with names of secrets, which every role or a role of an API may read.',
    remediation: `${POSTGRES_DOCS}/ddl-priv.html`,
    sql: `SELECT ${RELATION_NAME} AS key,
        format('Table %s has no row-level security and shows %s to %s.', ${RELATION_NAME},
          ${listOf('a.attname')}, ${listOf('r.role')}) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'columns', to_json(${namesOf('a.attname')}), 'roles', to_json(${namesOf('r.role')}))
          AS metadata
      FROM ${RELATIONS} JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN (${OPEN_ROLES}) r
      WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
        AND a.attnum > 0 AND NOT a.attisdropped
        AND lower(replace(a.attname::text, '-', '_')) IN (${SENSITIVE_COLUMNS})
        AND has_schema_privilege(r.role, n.oid, 'USAGE')
        AND has_column_privilege(r.role, c.oid, a.attnum, 'SELECT') AND ${isOwn('pg_class')}
      GROUP BY n.nspname, c.relname`,
  },
  {
    ...SECURITY,
    name: 'security_definer_view',
    title: 'Security Definer View',
    level: 'ERROR',
    description:
      'A view that everybody or a role of an API may read looks at its tables with the rights of its owner, past the privileges and policies of who asks. From Postgres 15 on security_invoker changes that.',
    remediation: `${POSTGRES_DOCS}/sql-createview.html`,
    sql: `SELECT ${RELATION_NAME} AS key,
        format('View %s has the rights of its owner, and may be read by %s.', ${RELATION_NAME},
          array_to_string(roles, ', ')) AS detail,
        ${OPEN_TABLE('view')} AS metadata
      FROM ${RELATIONS} ${withRoles(rolesThatMay('select', OPEN_ROLES))}
      WHERE c.relkind = 'v' AND cardinality(roles) > 0 AND ${isOwn('pg_class')}
        AND current_setting('server_version_num')::int >= 150000
        AND NOT EXISTS (SELECT FROM pg_options_to_table(c.reloptions) o
          WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)`,
  },
  {
    ...SECURITY,
    name: 'materialized_view_in_api',
    title: 'Materialized View in API',
    level: 'WARN',
    description:
      'A role of an API may read a materialized view. No policy can hold back rows of one.',
    remediation: `${POSTGRES_DOCS}/sql-creatematerializedview.html`,
    sql: openRelation('m', 'Materialized view'),
  },
  {
    ...SECURITY,
    name: 'foreign_table_in_api',
    title: 'Foreign Table in API',
    level: 'WARN',
    description: 'A role of an API may read a foreign table. No policy can hold back rows of one.',
    remediation: `${POSTGRES_DOCS}/sql-createforeigntable.html`,
    sql: openRelation('f', 'Foreign table'),
  },
];

function openRelation(kind: 'm' | 'f', what: string): string {
  return `SELECT ${RELATION_NAME} AS key,
      format('${what} %s may be read by %s.', ${RELATION_NAME}, array_to_string(roles, ', ')) AS detail,
      ${OPEN_TABLE(what.toLowerCase())} AS metadata
    FROM ${RELATIONS} ${withRoles(rolesThatMay('select', API_ROLES))}
    WHERE c.relkind = '${kind}' AND cardinality(roles) > 0 AND ${isOwn('pg_class')}`;
}

const definitionChecks: readonly AdvisorCheck[] = [
  {
    ...SECURITY,
    name: 'function_search_path_mutable',
    title: 'Function Search Path Mutable',
    level: 'WARN',
    rowLevel: `CASE WHEN is_definer THEN 'WARN' ELSE 'INFO' END`,
    description:
      'A function finds what it names without a schema where the search path of its caller says. In one that has the rights of its owner a caller can put in objects of its own.',
    remediation: `${POSTGRES_DOCS}/sql-createfunction.html`,
    // The body of a standard SQL function is bound to objects when it is made.
    sql: `SELECT format('%I.%I(%s)', n.nspname, p.proname, arguments) AS key,
        p.prosecdef AS is_definer,
        format('Function %I.%I(%s) sets no search_path%s.', n.nspname, p.proname, arguments,
          CASE WHEN p.prosecdef THEN ' and has the rights of its owner' ELSE '' END) AS detail,
        json_build_object('schema', n.nspname, 'name', p.proname, 'type', 'function',
          'arguments', arguments, 'security_definer', p.prosecdef) AS metadata
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        JOIN pg_language l ON l.oid = p.prolang
        CROSS JOIN LATERAL (SELECT ${bounded('pg_get_function_identity_arguments(p.oid)')} AS arguments) AS own
      WHERE p.prokind IN ('f', 'p') AND l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL
        AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting
          WHERE starts_with(lower(setting), 'search_path='))
        AND ${isOwn('pg_proc', 'p.oid')}`,
  },
  {
    ...SECURITY,
    name: 'extension_in_public',
    title: 'Extension in Public',
    level: 'WARN',
    rowLevel: `CASE WHEN is_open THEN 'WARN' ELSE 'INFO' END`,
    description:
      'The objects of an extension are among those of the application in the schema public. It matters more where a role of an API may use that schema.',
    remediation: `${POSTGRES_DOCS}/sql-alterextension.html`,
    sql: `SELECT quote_ident(e.extname) AS key,
        EXISTS (SELECT FROM (${API_ROLES}) r WHERE has_schema_privilege(r.role, n.oid, 'USAGE'))
          AS is_open,
        format('Extension %I is in the schema public.', e.extname) AS detail,
        json_build_object('schema', n.nspname, 'name', e.extname, 'type', 'extension') AS metadata
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
      WHERE n.nspname = 'public'`,
  },
  {
    ...SECURITY,
    name: 'extension_versions_outdated',
    title: 'Extension Versions Outdated',
    level: 'WARN',
    facing: 'INTERNAL',
    description:
      'An extension can be updated to the version that the installation has by default, with what was mended in it.',
    remediation: `${POSTGRES_DOCS}/sql-alterextension.html`,
    sql: `SELECT quote_ident(e.extname) AS key,
        format('Extension %I has version %s; %s is there.', e.extname, e.extversion,
          a.default_version) AS detail,
        json_build_object('name', e.extname, 'type', 'extension', 'installed_version', e.extversion,
          'default_version', a.default_version) AS metadata
      FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname
      WHERE EXISTS (SELECT FROM pg_extension_update_paths(e.extname) u
        WHERE u.source = e.extversion AND u.target = a.default_version AND u.path IS NOT NULL)`,
  },
  {
    ...SECURITY,
    name: 'unsupported_reg_types',
    title: 'Unsupported reg Types',
    level: 'WARN',
    facing: 'INTERNAL',
    description:
      'A column has a type that holds numbers of objects which are others in another cluster: pg_upgrade refuses such a database.',
    remediation: `${POSTGRES_DOCS}/pgupgrade.html`,
    sql: `SELECT ${RELATION_NAME} || '.' || quote_ident(a.attname) AS key,
        format('Column %I of %s has the type %s.', a.attname, ${RELATION_NAME},
          format_type(a.atttypid, a.atttypmod)) AS detail,
        json_build_object('schema', n.nspname, 'name', c.relname, 'type', 'table',
          'column', a.attname, 'column_type', format_type(a.atttypid, a.atttypmod)) AS metadata
      FROM ${RELATIONS} JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
      WHERE c.relkind IN ('r', 'p', 'm') AND a.attnum > 0 AND NOT a.attisdropped
        AND ARRAY[t.oid, t.typelem] && ARRAY['regcollation', 'regconfig', 'regdictionary',
          'regnamespace', 'regoper', 'regoperator', 'regproc', 'regprocedure']::regtype[]::oid[]
        AND ${isOwn('pg_class')}`,
  },
];

/** What may let somebody see or do what is not theirs. */
export const securityChecks: readonly AdvisorCheck[] = [
  ...rowSecurityChecks,
  ...exposureChecks,
  ...definitionChecks,
];
