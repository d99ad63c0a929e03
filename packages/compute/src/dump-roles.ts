import { escapeIdentifier as name, escapeLiteral as literal } from 'pg';
import { ADMIN_ROLE, type AdminConnection } from './admin-connection.ts';

/** Statements that give another cluster of pgfleet the same roles; they can be repeated. */
export interface RolesDump {
  /** Roles with attributes, verifiers and memberships. */
  readonly roles: readonly string[];
  /** Settings of roles and of databases; the databases must exist by then. */
  readonly settings: readonly string[];
}

interface RoleRow {
  readonly rolname: string;
  readonly rolinherit: boolean;
  readonly rolcreaterole: boolean;
  readonly rolcreatedb: boolean;
  readonly rolcanlogin: boolean;
  readonly rolreplication: boolean;
  readonly rolbypassrls: boolean;
  readonly rolconnlimit: number;
  readonly rolpassword: string | null;
  readonly until: string | null;
}

interface Membership {
  readonly role: string;
  readonly member: string;
  readonly grantor: string;
  readonly admin: boolean;
  /** Of 16 and newer. */
  readonly inherit: boolean | null;
  readonly set: boolean | null;
}

interface SettingRow {
  readonly role: string | null;
  readonly database: string | null;
  readonly setting: string;
}

// Every cluster has the others.
const isTenants = (rolname: string) =>
  `(${rolname} !~ '^pg_' AND ${rolname} NOT IN ('${ADMIN_ROLE}', 'neon_superuser'))`;

// Their values are stored as lists of quoted words, which must not be quoted again
// (`GUC_LIST_QUOTE` in guc_tables.c).
const QUOTED_LISTS = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'temp_tablespaces',
]);

/** Reads the roles of a cluster but pgfleet's and Postgres' own; nothing of them is in a dump. */
export async function dumpRoles(connection: AdminConnection): Promise<RolesDump> {
  const roles = await connection.query<RoleRow>(
    `SELECT *, rolvaliduntil::text AS until FROM pg_authid WHERE ${isTenants('rolname')} ORDER BY rolname`,
  );
  const memberships = await connection.query<Membership>(
    `SELECT role.rolname AS role, member.rolname AS member, grantor.rolname AS grantor,
        admin_option AS admin, (to_jsonb(m) ->> 'inherit_option')::boolean AS inherit,
        (to_jsonb(m) ->> 'set_option')::boolean AS set
      FROM pg_auth_members m
        JOIN pg_authid role ON role.oid = roleid
        JOIN pg_authid member ON member.oid = m.member
        JOIN pg_authid grantor ON grantor.oid = m.grantor
      WHERE ${isTenants('role.rolname')} OR ${isTenants('member.rolname')}
      ORDER BY 1, 2, 3`,
  );
  const settings = await connection.query<SettingRow>(
    `SELECT rolname AS role, datname AS database, unnest(setconfig) AS setting
      FROM pg_db_role_setting
        LEFT JOIN pg_roles ON pg_roles.oid = setrole
        LEFT JOIN pg_database ON pg_database.oid = setdatabase
      WHERE (setrole <> 0 OR setdatabase <> 0) AND (setrole = 0 OR ${isTenants('rolname')})
      ORDER BY 1, 2, 3`,
  );
  return {
    roles: [...roles.flatMap(ensureRole), ...inGrantableOrder(memberships).map(grant)],
    settings: settings.map(set),
  };
}

function ensureRole(role: RoleRow): readonly string[] {
  const quoted = name(role.rolname);
  const exists = `EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(role.rolname)})`;
  const attributes = [
    role.rolinherit ? 'INHERIT' : 'NOINHERIT',
    role.rolcreaterole ? 'CREATEROLE' : 'NOCREATEROLE',
    role.rolcreatedb ? 'CREATEDB' : 'NOCREATEDB',
    role.rolcanlogin ? 'LOGIN' : 'NOLOGIN',
    role.rolreplication ? 'REPLICATION' : 'NOREPLICATION',
    role.rolbypassrls ? 'BYPASSRLS' : 'NOBYPASSRLS',
    `CONNECTION LIMIT ${role.rolconnlimit}`,
    `PASSWORD ${role.rolpassword === null ? 'NULL' : literal(role.rolpassword)}`,
    `VALID UNTIL ${literal(role.until ?? 'infinity')}`,
  ];
  return [
    `DO ${literal(`BEGIN IF NOT ${exists} THEN CREATE ROLE ${quoted}; END IF; END`)}`,
    `ALTER ROLE ${quoted} ${attributes.join(' ')}`,
  ];
}

// Who grants must hold the right to grant by then, from whoever granted it before.
function inGrantableOrder(memberships: readonly Membership[]): readonly Membership[] {
  const ordered: Membership[] = [];
  let rest = memberships;
  while (rest.length > 0) {
    const ready = rest.filter(
      ({ role, grantor }) =>
        grantor === ADMIN_ROLE ||
        ordered.some(
          (earlier) => earlier.admin && earlier.role === role && earlier.member === grantor,
        ),
    );
    // Before 16 the right may have been taken back since.
    const next = ready.length > 0 ? ready : rest;
    ordered.push(...next);
    rest = rest.filter((membership) => !next.includes(membership));
  }
  return ordered;
}

function grant({ role, member, grantor, admin, inherit, set: mayBecome }: Membership): string {
  const options =
    inherit === null
      ? admin
        ? ' WITH ADMIN OPTION'
        : ''
      : ` WITH ADMIN ${admin}, INHERIT ${inherit}, SET ${mayBecome}`;
  return `GRANT ${name(role)} TO ${name(member)}${options} GRANTED BY ${name(grantor)}`;
}

function set({ role, database, setting }: SettingRow): string {
  const at = setting.indexOf('=');
  const parameter = setting.slice(0, at);
  const value = setting.slice(at + 1);
  const target =
    role === null
      ? `DATABASE ${name(database ?? '')}`
      : `ROLE ${name(role)}${database === null ? '' : ` IN DATABASE ${name(database)}`}`;
  // Custom parameters have names with dots, which stay outside of the quotes.
  const quotedName = parameter.split('.').map(name).join('.');
  const quotedValue = QUOTED_LISTS.has(parameter) && value !== '' ? value : literal(value);
  return `ALTER ${target} SET ${quotedName} TO ${quotedValue}`;
}
