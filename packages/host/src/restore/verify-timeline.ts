import { AdminConnection } from '@pgfleet/compute';
import type { PointInTime, TimelineId, VerifyReport, VerifyRequest } from '@pgfleet/contract';
import { restoreWindow } from '../history/restore-window.ts';
import type { CopyParts } from './copy-parts.ts';
import { withPastCopy } from './past-copy.ts';
import type { PastAccess } from './past-copy.ts';

const MAX_PROBLEMS = 100;
// An index or a table of many gigabytes is read within this.
const STATEMENT_TIMEOUT_MS = 3_600_000;

interface Findings {
  readonly amcheck: boolean;
  readonly relations: number;
  readonly rows: number;
  readonly problems: readonly string[];
}

/**
 * A drill: restores a timeline as of a point, a random one of its window unless said otherwise, into
 * an instance that is thrown away, and reads all of it: every page through its checksum, every table
 * and index through `amcheck` where it can be had, every row of every table.
 *
 * @throws PgfleetError when the restore itself fails, which is what a drill is for.
 */
export async function verifyTimeline(
  parts: CopyParts,
  timelineId: TimelineId,
  request: VerifyRequest,
): Promise<VerifyReport> {
  const at = request.at ?? (await randomPoint(parts, timelineId));
  const begin = performance.now();
  return withPastCopy(parts, { timelineId, at }, async (access) => {
    await access.connection.query('SELECT 1');
    const restoreMs = performance.now() - begin;
    const databases = await listDatabases(access.connection);
    const findings: Findings[] = [];
    for (const database of databases) findings.push(await readDatabase(access, database));
    return {
      timelineId,
      at,
      lsn: access.lsn,
      restoreMs,
      recoveryPointSeconds: 0,
      amcheck: findings.every(({ amcheck }) => amcheck),
      databases: databases.length,
      relations: sum(findings.map(({ relations }) => relations)),
      rows: sum(findings.map(({ rows }) => rows)),
      problems: findings.flatMap(({ problems }) => problems).slice(0, MAX_PROBLEMS),
    };
  });
}

async function randomPoint(
  { histories, timelines }: CopyParts,
  timelineId: TimelineId,
): Promise<PointInTime> {
  const { spec } = timelines.ready(timelineId);
  const now = new Date();
  const window = restoreWindow(await histories.get(timelineId), spec.historyRetentionSeconds, now);
  if (window.at === undefined) return { kind: 'head' };
  const from = Date.parse(window.at);
  const at = new Date(from + Math.random() * (now.getTime() - from));
  return { kind: 'time', at: at.toISOString() };
}

async function listDatabases(connection: AdminConnection): Promise<readonly string[]> {
  const rows = await connection.query<{ datname: string }>(
    'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname',
  );
  return rows.map(({ datname }) => datname);
}

async function readDatabase(
  { socketDirectory, secrets }: PastAccess,
  database: string,
): Promise<Findings> {
  await using connection = await AdminConnection.open({
    socketDirectory,
    secrets,
    database,
    timeoutMs: STATEMENT_TIMEOUT_MS,
  });
  const amcheck = await hasAmcheck(connection);
  const problems: string[] = [];
  const note = (problem: string) => {
    if (problems.length < MAX_PROBLEMS) problems.push(`${database}: ${problem}`);
  };
  const tables = await listRelations(connection, ['r', 'm', 't']);
  let rows = 0;
  for (const table of tables) {
    rows += await readTable(connection, table, { amcheck, note });
  }
  const indexes = amcheck ? await listRelations(connection, ['i']) : [];
  for (const index of indexes) await checkIndex(connection, index, note);
  return { amcheck, relations: tables.length + indexes.length, rows, problems };
}

async function hasAmcheck(connection: AdminConnection): Promise<boolean> {
  const rows = await connection.query(`SELECT FROM pg_available_extensions WHERE name = 'amcheck'`);
  if (rows.length === 0) return false;
  await connection.script([
    'CREATE SCHEMA IF NOT EXISTS pgfleet_verify',
    'CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pgfleet_verify',
  ]);
  return true;
}

/** A relation; `name` is written by Postgres itself, with its schema and quotes. */
interface Relation {
  readonly oid: string;
  readonly name: string;
}

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

interface Reading {
  readonly amcheck: boolean;
  readonly note: (problem: string) => void;
}

async function readTable(
  connection: AdminConnection,
  { oid, name }: Relation,
  { amcheck, note }: Reading,
): Promise<number> {
  try {
    if (amcheck) {
      const found = await connection.query<{ msg: string; blkno: string }>(
        'SELECT blkno, msg FROM pgfleet_verify.verify_heapam($1::oid::regclass) LIMIT 5',
        [oid],
      );
      for (const { blkno, msg } of found) note(`table ${name}, block ${blkno}: ${msg}`);
    }
    const [row] = await connection.query<{ count: string }>(
      `SELECT count(*) AS count FROM ONLY ${name}`,
    );
    return Number(row?.count ?? 0);
  } catch (error) {
    note(`table ${name} cannot be read: ${(error as Error).message}`);
    return 0;
  }
}

async function checkIndex(
  connection: AdminConnection,
  { oid, name }: Relation,
  note: (problem: string) => void,
): Promise<void> {
  try {
    await connection.query('SELECT pgfleet_verify.bt_index_check($1::oid::regclass, true)', [oid]);
  } catch (error) {
    note(`index ${name}: ${(error as Error).message}`);
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
