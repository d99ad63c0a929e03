import { escapeIdentifier as name, escapeLiteral as literal } from 'pg';
import { ADMIN_ROLE, type AdminConnection } from './admin-connection.ts';
import { adminVerifier } from './admin-secret.ts';

/** A login role as the API made it: a member of `neon_superuser`. */
export interface RoleSpec {
  readonly name: string;
  /** SCRAM-SHA-256 verifier; absent leaves the password as it is, `null` removes it. */
  readonly verifier?: string | null;
}

export interface DatabaseSpec {
  readonly name: string;
  readonly owner: string;
}

export interface Rename {
  readonly from: string;
  readonly to: string;
}

/** What must be true inside a cluster before its first client. */
export interface ClusterSpec {
  /** `cloud_admin`'s secret from now on. */
  readonly adminSecret: string;
  readonly roles: readonly RoleSpec[];
  readonly databases: readonly DatabaseSpec[];
  /** Done first, skipped when already done: from the template's names to the project's. */
  readonly renameRoles?: readonly Rename[];
  readonly renameDatabases?: readonly Rename[];
}

/** What every role that the API creates may do, whether it can log in or not; as on Neon. */
export const API_ROLE_RIGHTS = 'INHERIT CREATEROLE CREATEDB BYPASSRLS REPLICATION';

/** The attributes of a role that the API creates to log in. */
export const API_ROLE_ATTRIBUTES = `LOGIN ${API_ROLE_RIGHTS} IN ROLE neon_superuser`;

/**
 * Makes a cluster match its spec: what is missing is created, what differs is altered, what the
 * spec does not name stays.
 *
 * One transaction in one round trip, and one statement more for each database that is missing.
 * Repeatable after a crash at any point, with `cloud_admin`'s old or new secret; when everything is
 * in order already, nothing is written.
 */
export async function applySpec(connection: AdminConnection, spec: ClusterSpec): Promise<void> {
  const changes = [
    ...(spec.renameRoles ?? []).map(renameRole),
    ...(spec.renameDatabases ?? []).map(renameDatabase),
    ...spec.roles.map(ensureRole),
    ...spec.databases.map(ensureOwner),
  ];
  const missing = await connection.script<{ datname: string }>([
    // A cluster that lost its last seconds would ask for a secret that nobody keeps any more.
    'SET LOCAL synchronous_commit = on',
    `DO ${literal(`BEGIN ${changes.join('\n')} END`)}`,
    ...(connection.secret === spec.adminSecret ? [] : [await rotateSecret(spec.adminSecret)]),
    missingDatabases(spec.databases.map((database) => database.name)),
  ]);
  for (const { datname } of missing) {
    const owner = spec.databases.find((database) => database.name === datname)?.owner ?? ADMIN_ROLE;
    await connection.script([`CREATE DATABASE ${name(datname)} OWNER ${name(owner)}`]);
  }
}

function renameRole({ from, to }: Rename): string {
  const condition = `${roleExists(from)} AND NOT ${roleExists(to)}`;
  return `IF ${condition} THEN ALTER ROLE ${name(from)} RENAME TO ${name(to)}; END IF;`;
}

function renameDatabase({ from, to }: Rename): string {
  const condition = `${databaseExists(from)} AND NOT ${databaseExists(to)}`;
  return `IF ${condition} THEN ALTER DATABASE ${name(from)} RENAME TO ${name(to)}; END IF;`;
}

/** A statement for a `DO` block: the role exists, and has the password of its specification. */
export function ensureRole(role: RoleSpec): string {
  const create = `CREATE ROLE ${name(role.name)} ${API_ROLE_ATTRIBUTES};`;
  const ensure = `IF NOT ${roleExists(role.name)} THEN ${create} END IF;`;
  if (role.verifier === undefined) return ensure;
  const verifier = role.verifier === null ? 'NULL' : literal(role.verifier);
  const current = `(SELECT rolpassword FROM pg_authid WHERE rolname = ${literal(role.name)})`;
  return `${ensure}
    IF ${current} IS DISTINCT FROM ${verifier} THEN
      ALTER ROLE ${name(role.name)} PASSWORD ${verifier};
    END IF;`;
}

/** A statement for a `DO` block: the database, where it exists, belongs to its owner. */
export function ensureOwner(database: DatabaseSpec): string {
  const current = `(SELECT pg_get_userbyid(datdba) FROM pg_database
    WHERE datname = ${literal(database.name)})`;
  return `IF ${current} <> ${literal(database.owner)} THEN
    ALTER DATABASE ${name(database.name)} OWNER TO ${name(database.owner)};
  END IF;`;
}

async function rotateSecret(secret: string): Promise<string> {
  return `ALTER ROLE ${ADMIN_ROLE} PASSWORD ${literal(await adminVerifier(secret))}`;
}

function missingDatabases(names: readonly string[]): string {
  const wanted = `ARRAY[${names.map(literal).join(', ')}]::text[]`;
  return `SELECT datname FROM unnest(${wanted}) AS wanted (datname)
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE pg_database.datname = wanted.datname)`;
}

/** An expression: whether there is a role of this name. */
export function roleExists(role: string): string {
  return `EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(role)})`;
}

function databaseExists(database: string): string {
  return `EXISTS (SELECT FROM pg_database WHERE datname = ${literal(database)})`;
}
