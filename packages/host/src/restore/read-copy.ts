import { AdminConnection } from '@pgfleet/compute';
import type { ThrowawayAccess } from './throwaway-run.ts';

// An index or a table of many gigabytes is read within this.
const STATEMENT_TIMEOUT_MS = 3_600_000;

/** Rows of one table. */
export interface TableCount {
  readonly database: string;
  /** As Postgres writes it, with its schema and quotes. */
  readonly table: string;
  readonly rows: number;
}

/** What was counted in a copy; the keys name the same table in every copy of a cluster. */
export interface CopyCounts {
  readonly tables: ReadonlyMap<string, TableCount>;
  readonly problems: readonly string[];
}

/** What reading all of a copy showed. */
export interface CopyFindings extends CopyCounts {
  readonly databases: number;
  readonly relations: number;
  /** Whether all of it was read by `amcheck`. */
  readonly amcheck: boolean;
}

/** Counts the rows of every table of a copy, those of the catalogue included. */
export async function countCopy(access: ThrowawayAccess): Promise<CopyCounts> {
  const tables = new Map<string, TableCount>();
  const problems: string[] = [];
  for (const database of await listDatabases(access)) {
    await using connection = await openDatabase(access, database);
    const report = (problem: string) => problems.push(`${database}: ${problem}`);
    for (const table of await listRelations(connection, TABLES)) {
      const rows = await countRows(connection, table, report);
      tables.set(`${database} ${table.oid}`, { database, table: table.name, rows });
    }
  }
  return { tables, problems };
}

/**
 * Reads all of a copy: every row of every table; every page through its checksum, every table and
 * index through `amcheck` where it can be had.
 */
export async function readCopy(access: ThrowawayAccess): Promise<CopyFindings> {
  // Before anything is put into the copy for its examination, since that has rows as well.
  const counts = await countCopy(access);
  const problems = [...counts.problems];
  const databases = await listDatabases(access);
  let [amcheck, indexes] = [true, 0];
  for (const database of databases) {
    await using connection = await openDatabase(access, database);
    const report = (problem: string) => problems.push(`${database}: ${problem}`);
    const examined = await examine(connection, report);
    if (examined === undefined) amcheck = false;
    indexes += examined ?? 0;
  }
  const relations = counts.tables.size + indexes;
  return { ...counts, problems, amcheck, databases: databases.length, relations };
}

type Report = (problem: string) => void;

// One whose deletion was cut off has a limit of -2 and can only be dropped.
async function listDatabases({ connection }: ThrowawayAccess): Promise<readonly string[]> {
  const rows = await connection.query<{ datname: string }>(
    `SELECT datname FROM pg_database
      WHERE datallowconn AND datconnlimit <> -2 AND NOT datistemplate ORDER BY datname`,
  );
  return rows.map(({ datname }) => datname);
}

function openDatabase(
  { socketDirectory, secrets }: ThrowawayAccess,
  database: string,
): Promise<AdminConnection> {
  const timeoutMs = STATEMENT_TIMEOUT_MS;
  return AdminConnection.open({ socketDirectory, secrets, database, timeoutMs });
}

/** A relation; `name` is written by Postgres itself, with its schema and quotes. */
interface Relation {
  readonly oid: string;
  readonly name: string;
}

const TABLES = ['r', 'm', 't'] as const;

// What is not logged holds nothing after a recovery, and what others have in sessions even less.
function listRelations(
  connection: AdminConnection,
  kinds: readonly string[],
): Promise<(Relation & Record<string, unknown>)[]> {
  return connection.query(
    `SELECT c.oid::text AS oid, c.oid::regclass::text AS name
      FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_am a ON a.oid = c.relam
      WHERE c.relkind::text = ANY ($1) AND c.relpersistence = 'p'
        AND (c.relkind <> 'i' OR (a.amname = 'btree' AND i.indisvalid AND i.indisready))
      ORDER BY c.oid`,
    [kinds],
  );
}

async function countRows(
  connection: AdminConnection,
  { name }: Relation,
  report: Report,
): Promise<number> {
  try {
    const sql = `SELECT count(*) AS count FROM ONLY ${name}`;
    const [row] = await connection.query<{ count: string }>(sql);
    return Number(row?.count ?? 0);
  } catch (error) {
    report(`table ${name} cannot be read: ${(error as Error).message}`);
    return 0;
  }
}

/** Returns how many indexes were examined; `undefined` where `amcheck` cannot be had. */
async function examine(connection: AdminConnection, report: Report): Promise<number | undefined> {
  const rows = await connection.query(`SELECT FROM pg_available_extensions WHERE name = 'amcheck'`);
  if (rows.length === 0) return undefined;
  const tables = await listRelations(connection, TABLES);
  const indexes = await listRelations(connection, ['i']);
  await connection.script([
    'CREATE SCHEMA IF NOT EXISTS pgfleet_verify',
    'CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pgfleet_verify',
  ]);
  for (const table of tables) await checkTable(connection, table, report);
  for (const index of indexes) await checkIndex(connection, index, report);
  return indexes.length;
}

async function checkTable(
  connection: AdminConnection,
  { oid, name }: Relation,
  report: Report,
): Promise<void> {
  try {
    const found = await connection.query<{ msg: string; blkno: string }>(
      'SELECT blkno, msg FROM pgfleet_verify.verify_heapam($1::oid::regclass) LIMIT 5',
      [oid],
    );
    for (const { blkno, msg } of found) report(`table ${name}, block ${blkno}: ${msg}`);
  } catch (error) {
    report(`table ${name}: ${(error as Error).message}`);
  }
}

async function checkIndex(
  connection: AdminConnection,
  { oid, name }: Relation,
  report: Report,
): Promise<void> {
  try {
    await connection.query('SELECT pgfleet_verify.bt_index_check($1::oid::regclass, true)', [oid]);
  } catch (error) {
    report(`index ${name}: ${(error as Error).message}`);
  }
}
