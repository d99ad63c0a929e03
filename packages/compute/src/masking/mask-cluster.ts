import { randomBytes } from 'node:crypto';
import { escapeIdentifier as name, escapeLiteral as literal } from 'pg';
import type { AdminConnection } from '../admin-connection.ts';
import { adminVerifier, createAdminSecret } from '../admin-secret.ts';
import type { ClusterAccess } from '../cluster-access.ts';
import { readContent } from '../read-content.ts';
import { maskDatabase } from './mask-database.ts';
import { byTable, findMaskedTable } from './masked-table.ts';
import { SALT_SETTING } from './masking-functions.ts';
import { maskingRefused } from './masking-refusal.ts';
import type { MaskingRule } from './masking-rule.ts';

/** What masking needs: also sessions of a role that is no superuser. */
export interface MaskingAccess extends ClusterAccess {
  readonly openAs: (database: string, login: MaskingLogin) => Promise<AdminConnection>;
}

/** Who masks, and what the server is told about the session. */
export interface MaskingLogin {
  readonly role: string;
  readonly secret: string;
  readonly options: string;
}

/**
 * Masks columns in a cluster that nobody else uses. When this fails the cluster is of no use any
 * more; when it succeeds no former value of the columns is left but in WAL before the present
 * segment.
 *
 * @throws ComputeError `masking_refused` when the rules cannot be followed; the connection's error
 * otherwise.
 */
export async function maskCluster(
  access: MaskingAccess,
  rules: readonly MaskingRule[],
): Promise<void> {
  const { connection } = access;
  const databases = [...new Set(rules.map(({ database }) => database))];
  await requireDatabases(connection, databases);
  await forgetPrepared(access);
  // A name that no tenant can have foreseen.
  const mark = `pgfleet_masking_${randomBytes(8).toString('hex')}`;
  const login = { role: mark, secret: createAdminSecret(), options: saltOption() };
  await createMasker(connection, login);
  for (const database of databases) {
    await using admin = await access.open(database);
    const openMasker = () => access.openAs(database, login);
    await maskDatabase(
      { database, admin, role: mark, schema: mark, openMasker },
      rules.filter((rule) => rule.database === database),
    );
  }
  await connection.script([`DROP OWNED BY ${name(mark)}`, `DROP ROLE ${name(mark)}`]);
  await connection.query('CHECKPOINT');
  await connection.query('SELECT pg_switch_wal()');
}

/**
 * Checks, in a cluster that may be in use, what can be known of rules without following them: that
 * there are such columns, and that they are of a kind that can be masked.
 *
 * @throws ComputeError `masking_refused`; the connection's error otherwise.
 */
export async function checkMasking(
  { connection, open }: ClusterAccess,
  rules: readonly MaskingRule[],
): Promise<void> {
  const databases = [...new Set(rules.map(({ database }) => database))];
  await requireDatabases(connection, databases);
  for (const database of databases) {
    await using inside = await open(database);
    const own = rules.filter((rule) => rule.database === database);
    for (const group of byTable(own)) await findMaskedTable(inside, group);
  }
}

async function requireDatabases(
  connection: AdminConnection,
  wanted: readonly string[],
): Promise<void> {
  const { databases } = await readContent(connection);
  const missing = wanted.find((database) => databases.every((known) => known.name !== database));
  if (missing !== undefined) throw maskingRefused(`there is no database ${missing}`);
}

// Whoever was to end them is not there for a copy, and they would hold on to rows of before.
async function forgetPrepared({ connection, open }: ClusterAccess): Promise<void> {
  const prepared = await connection.query<{ gid: string; database: string }>(
    'SELECT gid, database FROM pg_prepared_xacts',
  );
  for (const { gid, database } of prepared) {
    await using inside = await open(database);
    await inside.query(`ROLLBACK PREPARED ${literal(gid)}`);
  }
}

// Settings that only a superuser may make are made for the role: they hold from its login on.
async function createMasker(
  connection: AdminConnection,
  { role, secret }: MaskingLogin,
): Promise<void> {
  const quoted = name(role);
  const verifier = await adminVerifier(secret);
  await connection.script([
    `CREATE ROLE ${quoted} LOGIN INHERIT BYPASSRLS PASSWORD ${literal(verifier)}`,
    `ALTER ROLE ${quoted} SET session_replication_role = replica`,
  ]);
}

// The same for the whole run, and for no other one: nothing keeps it.
function saltOption(): string {
  return `-c ${SALT_SETTING}=${randomBytes(32).toString('hex')}`;
}
