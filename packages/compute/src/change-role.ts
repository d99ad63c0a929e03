import { escapeIdentifier as name, escapeLiteral as literal } from 'pg';
import type { AdminConnection } from './admin-connection.ts';
import { API_ROLE_RIGHTS, ensureRole, roleExists } from './apply-spec.ts';
import type { RoleSpec } from './apply-spec.ts';
import type { ClusterAccess } from './cluster-access.ts';

/** Who gets what nobody else should: all roles of the API have its rights, and nobody is it. */
const HEIR = 'neon_superuser';

// What the API has answered for must not be lost with the last seconds of a cluster.
const DURABLY = 'SET LOCAL synchronous_commit = on';

/** Makes a role with the rights of the API's roles; one that exists gets them. */
export async function createRole(
  connection: AdminConnection,
  role: { readonly name: string; readonly verifier: string | null },
): Promise<void> {
  const quoted = name(role.name);
  const login =
    role.verifier === null ? 'NOLOGIN PASSWORD NULL' : `LOGIN PASSWORD ${literal(role.verifier)}`;
  const create = `IF NOT ${roleExists(role.name)} THEN CREATE ROLE ${quoted}; END IF;`;
  await connection.script([
    DURABLY,
    `DO ${literal(`BEGIN ${create} END`)}`,
    `ALTER ROLE ${quoted} ${API_ROLE_RIGHTS} ${login}`,
    `GRANT ${HEIR} TO ${quoted}`,
  ]);
}

/** Gives a role another password, and ends the sessions that the former one opened. */
export async function setPassword(connection: AdminConnection, role: RoleSpec): Promise<void> {
  await connection.script([DURABLY, `DO ${literal(`BEGIN ${ensureRole(role)} END`)}`]);
  await endSessionsOf(connection, role.name);
}

/**
 * Removes a role. What it owned goes to the owner of the database that it is in; databases, and what
 * would go to a superuser, to `neon_superuser`.
 */
export async function dropRole(
  { connection, open }: ClusterAccess,
  roleName: string,
): Promise<void> {
  const role = name(roleName);
  const exists = await connection.query(`SELECT WHERE ${roleExists(roleName)}`);
  if (exists.length === 0) return;
  await connection.script([DURABLY, `ALTER ROLE ${role} NOLOGIN`]);
  await endSessionsOf(connection, roleName);
  // Databases first: nothing in them goes to an owner who is about to be removed.
  await connection.script([`REASSIGN OWNED BY ${role} TO ${HEIR}`]);
  for (const { database, owner } of await listTraces(connection, roleName)) {
    await using inside = await open(database);
    await inside.script([`REASSIGN OWNED BY ${role} TO ${name(owner)}`, `DROP OWNED BY ${role}`]);
  }
  await connection.script([DURABLY, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`]);
}

interface Trace {
  readonly database: string;
  readonly owner: string;
}

/** The databases in which a role owns something or has rights, and who is to have what it owns. */
function listTraces(
  connection: AdminConnection,
  roleName: string,
): Promise<(Trace & Record<string, unknown>)[]> {
  return connection.query(
    `SELECT datname AS database,
        CASE WHEN owner.rolsuper THEN '${HEIR}' ELSE owner.rolname END AS owner
      FROM pg_database d JOIN pg_authid owner ON owner.oid = datdba
      WHERE datallowconn AND d.oid IN (
        SELECT dbid FROM pg_shdepend s JOIN pg_authid r ON r.oid = refobjid
          WHERE refclassid = 'pg_authid'::regclass AND r.rolname = $1)
      ORDER BY datname`,
    [roleName],
  );
}

async function endSessionsOf(connection: AdminConnection, roleName: string): Promise<void> {
  await connection.query(
    'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1',
    [roleName],
  );
}
