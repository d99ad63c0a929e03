import { withDeadline } from '@pgfleet/kit';
import { ADMIN_SESSION_SETTINGS, AdminConnection } from './admin-connection.ts';
import { choosePgDump, findPgDumps, type PgDump } from './find-pg-dump.ts';
import type { Owner } from './owner.ts';
import { type PgDumpRun, runPgDump } from './run-pg-dump.ts';
import { runWasmPgDump } from './run-wasm-pg-dump.ts';
import { tidySchema } from './tidy-schema.ts';

export interface DumpSchemaOptions {
  readonly socketDirectory: string;
  /** `cloud_admin`'s possible secrets, tried in this order. */
  readonly secrets: readonly string[];
  readonly database: string;
  /** Runs a `pg_dump` that is a program; required when root, ignored otherwise. */
  readonly owner?: Owner;
  /** What may be used; everything on this machine when left out. */
  readonly pgDumps?: readonly PgDump[];
  /** 60,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 60_000;

// A database and its roles may have settings of their own, which would change how the same
// definitions are written.
const DUMP_SETTINGS = `${ADMIN_SESSION_SETTINGS} -c quote_all_identifiers=off -c standard_conforming_strings=on`;

/**
 * Writes down the definitions of a database's objects as `pg_dump --schema-only` does, with owners
 * and grants of the tenant's roles.
 *
 * Left out are pgfleet's own grants, what differs between two dumps of the same definitions, and
 * subscriptions: a copy must not connect to anybody, and their definitions hold passwords. At most
 * 64 MiB.
 *
 * @throws ComputeError `pg_dump_missing`, `schema_dump_failed`, `admin_login_failed`; TimeoutError;
 * the driver's error when the database cannot be entered.
 */
export async function dumpSchema(options: DumpSchemaOptions): Promise<string> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  return await withDeadline((deadline) => dump(options, { timeoutMs, signal: deadline }), {
    what: 'the schema dump',
    timeoutMs,
    ...(signal ? { signal } : {}),
  });
}

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function dump(options: DumpSchemaOptions, { timeoutMs, signal }: Limits): Promise<string> {
  const { socketDirectory, database, owner } = options;
  const server = await askServer(options, signal);
  const pgDump = choosePgDump(options.pgDumps ?? (await findPgDumps()), server.major);
  const work: PgDumpRun = {
    path: pgDump.path,
    args: pgDumpArguments(timeoutMs),
    socketDirectory,
    database,
    secret: server.secret,
    settings: DUMP_SETTINGS,
    signal,
    ...(owner ? { owner } : {}),
  };
  const sql = await (pgDump.kind === 'wasm' ? runWasmPgDump(work) : runPgDump(work));
  return tidySchema(sql, server.major);
}

async function askServer(
  options: DumpSchemaOptions,
  signal: AbortSignal,
): Promise<{ readonly major: number; readonly secret: string }> {
  const { socketDirectory, secrets, database } = options;
  await using connection = await AdminConnection.open({
    socketDirectory,
    secrets,
    database,
    signal,
  });
  const [row] = await connection.query<{ major: number }>(
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  return { major: row?.major ?? 0, secret: connection.secret };
}

function pgDumpArguments(timeoutMs: number): readonly string[] {
  return [
    '--schema-only',
    '--encoding=UTF8',
    '--no-tablespaces',
    '--no-subscriptions',
    // A tenant's lock may be held for hours.
    `--lock-wait-timeout=${timeoutMs}`,
  ];
}
