import { PgfleetError } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import { Kysely, PostgresDialect } from 'kysely';
import type { PostgresPool } from 'kysely';
import { DatabaseError, Pool, types } from 'pg';
import type { CustomTypesConfig } from 'pg';
import type { Schema } from './schema.ts';

/** The control database, or a transaction on it. */
export type Database = Kysely<Schema>;

export interface DatabaseOptions {
  /** A libpq URI; `host` as a parameter names a socket directory. */
  readonly url: string;
  readonly maxConnections: number;
  readonly log: Logger;
  /**
   * Whether a commit survives a crash of the database server; `true` when left out. What only
   * repeats idempotent work when it is lost (leases, finished steps) does not wait for the disk.
   */
  readonly isDurable?: boolean;
}

const CONNECT_TIMEOUT_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 15_000;

/**
 * Opens a pool on the control database. It connects lazily and reconnects by itself; while the
 * database cannot be reached, every query fails with PgfleetError `unavailable`.
 */
export function openDatabase({ url, maxConnections, log, isDurable }: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'pgfleet-control',
    types: { getTypeParser },
    ...(isDurable === false ? { options: '-c synchronous_commit=off' } : {}),
  });
  pool.on('error', (error) => log.warn({ err: error }, 'idle database connection was lost'));
  // A connection that breaks while in use says so twice: its query fails, which is handled there,
  // and it emits this event, which would end the process if nobody listened.
  pool.on('connect', (client) => {
    client.on('error', (error) => log.debug({ err: error }, 'database connection was lost'));
  });
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: translating(pool) }) });
}

// Identities, sequences and counts: all of them stay far below 2^53.
const getTypeParser: CustomTypesConfig['getTypeParser'] = (oid, format) =>
  oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format);

// A pool whose errors tell an unavailable database from a wrong statement.
function translating(pool: Pool): PostgresPool {
  return {
    connect: async () => {
      const client = await pool.connect().catch(rethrow);
      return {
        query: (text: string, values: readonly unknown[]) =>
          client.query(text, [...values]).catch(rethrow),
        release: () => client.release(),
      };
    },
    end: () => pool.end(),
    // Kysely's other way to ask, by cursors, is for streams, which control has none of.
  } as unknown as PostgresPool;
}

function rethrow(error: unknown): never {
  throw isUnavailable(error) ? new PgfleetError('unavailable', { cause: error }) : error;
}

// Classes and codes of SQLSTATE that speak of the server's state or load, not of the statement:
// connection, shutdown, resources, read-only, timeout, lock, deadlock.
const unavailableStates = /^(08|57P0|53[03]|25006$|57014$|55P03$|40P01$)/;

function isUnavailable(error: unknown): boolean {
  // What the server did not say itself comes from a connection that broke or could not be made.
  if (!(error instanceof DatabaseError)) return true;
  return unavailableStates.test(error.code ?? '');
}
