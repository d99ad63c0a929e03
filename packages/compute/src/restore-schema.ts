import { withDeadline } from '@pgfleet/kit';
import { DatabaseError, escapeIdentifier as name } from 'pg';
import { AdminConnection } from './admin-connection.ts';
import { ComputeError } from './compute-error.ts';
import { splitStatements } from './split-statements.ts';

export interface RestoreSchemaOptions {
  readonly socketDirectory: string;
  /** `cloud_admin`'s possible secrets, tried in this order. */
  readonly secrets: readonly string[];
  /** Must hold no objects of a tenant. */
  readonly database: string;
  /** 600,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 600_000;
const INSUFFICIENT_PRIVILEGE = '42501';
const MAX_QUOTED_CHARACTERS = 200;
const FIRST_MAJOR_WITH_CLOSED_PUBLIC = 15;

/**
 * Runs a dump of `dumpSchema` statement by statement; the roles that it names must exist. What was
 * run is durable at the end. It cannot be repeated in the same database.
 *
 * Dumps do not say who owns an extension: it becomes the owner of the database, as if the tenant had
 * created it, where that role may create it.
 *
 * @throws ComputeError `schema_restore_failed` that names the statement, with the database's error as
 * `cause`; `admin_login_failed`; TimeoutError.
 */
export async function restoreSchema(sql: string, options: RestoreSchemaOptions): Promise<void> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  await withDeadline((deadline) => restore(sql, { ...options, timeoutMs, signal: deadline }), {
    what: 'a schema to be restored',
    timeoutMs,
    ...(signal ? { signal } : {}),
  });
}

async function restore(
  sql: string,
  options: RestoreSchemaOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  await using connection = await AdminConnection.open(options);
  // Frees the connection from a statement that is being run.
  const abort = () => void connection[Symbol.asyncDispose]().catch(() => undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await connection.script(['SET synchronous_commit = off']);
    const target = await readTarget(connection);
    await closePublic(connection, target);
    for (const { statement } of splitStatements(sql)) {
      signal.throwIfAborted();
      await runStatement(connection, statement, target.owner);
    }
    await makeDurable(connection);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

interface Target {
  readonly owner: string;
  readonly major: number;
}

async function readTarget(connection: AdminConnection): Promise<Target> {
  const [row] = await connection.query<Target & Record<string, unknown>>(
    `SELECT pg_get_userbyid(datdba) AS owner,
        current_setting('server_version_num')::int / 10000 AS major
      FROM pg_database WHERE datname = current_database()`,
  );
  return row!;
}

// A dump says how the rights on this schema differ from those that it has from Postgres 15 on, which
// leave creating to its owner.
async function closePublic(connection: AdminConnection, { major }: Target): Promise<void> {
  if (major >= FIRST_MAJOR_WITH_CLOSED_PUBLIC) return;
  await connection.script(['REVOKE CREATE ON SCHEMA public FROM PUBLIC']);
}

async function runStatement(
  connection: AdminConnection,
  statement: string,
  owner: string,
): Promise<void> {
  if (statement === '') return;
  try {
    const isExtension = statement.startsWith('CREATE EXTENSION ');
    if (isExtension && (await runAs(connection, statement, owner))) return;
    await connection.script([statement]);
  } catch (cause) {
    const message = `the schema cannot be restored at: ${firstLine(statement)}`;
    throw new ComputeError('schema_restore_failed', message, { cause });
  }
}

/** False when the role may not do it. */
async function runAs(
  connection: AdminConnection,
  statement: string,
  role: string,
): Promise<boolean> {
  await connection.script([`SET SESSION AUTHORIZATION ${name(role)}`]);
  try {
    await connection.script([statement]);
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === INSUFFICIENT_PRIVILEGE) return false;
    throw error;
  } finally {
    await connection.script(['RESET SESSION AUTHORIZATION']);
  }
}

// A commit that waits for the WAL makes all commits before it durable.
async function makeDurable(connection: AdminConnection): Promise<void> {
  await connection.script(['SET LOCAL synchronous_commit = on', 'SELECT pg_current_xact_id()']);
}

function firstLine(statement: string): string {
  return statement.split('\n', 1)[0]!.slice(0, MAX_QUOTED_CHARACTERS);
}
