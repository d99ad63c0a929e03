import { retry, sleep } from '@pgfleet/kit';
import { DatabaseError, escapeIdentifier as name, escapeLiteral as literal } from 'pg';
import type { AdminConnection } from './admin-connection.ts';
import { ensureOwner } from './apply-spec.ts';
import type { DatabaseSpec } from './apply-spec.ts';
import type { ClusterAccess } from './cluster-access.ts';

/** What is to be different about a database; what is left out stays. */
export interface DatabaseChange {
  readonly name: string;
  readonly newName?: string;
  readonly ownerName?: string;
}

const OBJECT_IN_USE = '55006';
/** For clients that come back as fast as they are sent away. */
const PERSISTENCE = { attempts: 5, baseMs: 20, capMs: 200, retryable: isInUse } as const;
const LOOK_EVERY_MS = 20;

/** Makes a database as every new one is; one that exists gets the owner. */
export async function createDatabase(
  connection: AdminConnection,
  database: DatabaseSpec,
): Promise<void> {
  await changeOwner(connection, database);
  if (await exists(connection, database.name)) return;
  await retry(async () => {
    // Whoever looks into the database that all others are copied from keeps it from being copied.
    await endSessionsIn(connection, 'template1');
    await connection.query(`CREATE DATABASE ${name(database.name)} OWNER ${name(database.owner)}`);
  }, PERSISTENCE);
}

/** Renames a database, or gives it to somebody else. A renamed one ends its sessions. */
export async function changeDatabase(
  { connection, open }: ClusterAccess,
  { name: from, newName, ownerName }: DatabaseChange,
): Promise<void> {
  const isRenamed = newName !== undefined && !(await exists(connection, from));
  const present = isRenamed ? newName : from;
  if (ownerName !== undefined) await changeOwner(connection, { name: present, owner: ownerName });
  if (newName === undefined || isRenamed) return;
  await using other = await open('postgres');
  const renaming = connection.query(`ALTER DATABASE ${name(from)} RENAME TO ${name(newName)}`);
  await keepOutUntil(renaming, other, from);
}

/** Removes a database, whoever is in it and whatever it is used for. */
export async function dropDatabase(access: ClusterAccess, database: string): Promise<void> {
  const { connection } = access;
  const [found] = await connection.query<Hold & Record<string, unknown>>(HOLD, [database]);
  if (!found) return;
  if (!found.isHalfGone) await release(access, database, found);
  await retry(async () => {
    // Consumers of a logical slot are not among those whom FORCE sends away.
    await endSessionsIn(connection, database);
    await connection.query(`DROP DATABASE IF EXISTS ${name(database)} WITH (FORCE)`);
  }, PERSISTENCE);
}

/** What keeps Postgres from dropping a database. */
interface Hold {
  /** Its removal was cut short: it can be removed, and nothing else. */
  readonly isHalfGone: boolean;
  readonly isTemplate: boolean;
  readonly allowsConnections: boolean;
  readonly prepared: readonly string[];
  readonly subscriptions: readonly string[];
}

const HOLD = `SELECT datconnlimit = -2 AS "isHalfGone", datistemplate AS "isTemplate",
    datallowconn AS "allowsConnections",
    ARRAY(SELECT gid FROM pg_prepared_xacts WHERE database = datname) AS prepared,
    ARRAY(SELECT subname::text FROM pg_subscription WHERE subdbid = d.oid) AS subscriptions
  FROM pg_database d WHERE datname = $1`;

async function release(
  { connection, open }: ClusterAccess,
  database: string,
  hold: Hold,
): Promise<void> {
  const { isTemplate, allowsConnections, prepared, subscriptions } = hold;
  if (isTemplate) await connection.query(`ALTER DATABASE ${name(database)} IS_TEMPLATE false`);
  if (prepared.length + subscriptions.length === 0) return;
  if (!allowsConnections) {
    await connection.query(`ALTER DATABASE ${name(database)} ALLOW_CONNECTIONS true`);
  }
  await using inside = await open(database);
  for (const gid of prepared) await inside.query(`ROLLBACK PREPARED ${literal(gid)}`);
  for (const subscription of subscriptions.map(name)) {
    await inside.script([
      `ALTER SUBSCRIPTION ${subscription} DISABLE`,
      // The slot is at the publisher, who may be gone.
      `ALTER SUBSCRIPTION ${subscription} SET (slot_name = NONE)`,
      `DROP SUBSCRIPTION ${subscription}`,
    ]);
  }
}

// Once Postgres has begun it lets nobody new in, and gives up when those who are in stay.
async function keepOutUntil(
  work: Promise<unknown>,
  other: AdminConnection,
  database: string,
): Promise<void> {
  const over = new AbortController();
  const end = () => over.abort();
  work.then(end, end);
  const clearing = (async () => {
    while (!over.signal.aborted) {
      await endSessionsIn(other, database);
      await sleep(LOOK_EVERY_MS);
    }
  })();
  await Promise.allSettled([work, clearing]);
  await work;
  await clearing;
}

async function changeOwner(connection: AdminConnection, database: DatabaseSpec): Promise<void> {
  await connection.script([
    'SET LOCAL synchronous_commit = on',
    `DO ${literal(`BEGIN ${ensureOwner(database)} END`)}`,
  ]);
}

async function exists(connection: AdminConnection, database: string): Promise<boolean> {
  const rows = await connection.query('SELECT FROM pg_database WHERE datname = $1', [database]);
  return rows.length > 0;
}

async function endSessionsIn(connection: AdminConnection, database: string): Promise<void> {
  await connection.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = $1 AND pid <> pg_backend_pid()`,
    [database],
  );
}

function isInUse(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === OBJECT_IN_USE;
}
