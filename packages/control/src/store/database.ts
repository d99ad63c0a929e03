import { PgfleetError } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import { Kysely, PostgresDialect } from 'kysely';
import type { LogEvent, PostgresPool } from 'kysely';
import { DatabaseError, Pool, types } from 'pg';
import type { CustomTypesConfig } from 'pg';
import { parseTimestamp } from './parse-timestamp.ts';
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
  readonly limits?: DatabaseLimits;
  /** Called after each statement, transactions' ends included. */
  readonly onStatement?: (statement: Statement) => void;
}

/** A statement as the database server got it. */
export interface Statement {
  readonly text: string;
  readonly parameters: readonly unknown[];
  /** With its way to the server and back. */
  readonly durationMs: number;
}

/** How long the database may take. */
export interface DatabaseLimits {
  readonly connectMs: number;
  /** For one statement, and between two of one transaction; the server keeps to it. */
  readonly statementMs: number;
  /** Until the answer is here, from a server that does not keep to the former. */
  readonly answerMs: number;
}

const defaultLimits: DatabaseLimits = { connectMs: 3_000, statementMs: 15_000, answerMs: 18_000 };

// Every statement reads few rows by an index: the index is in memory or on a fast disk, and compiling
// a plan takes longer than running it.
const PLANNING = ['-c random_page_cost=1.1', '-c jit=off'];

// In whatever zone the server lives: times are read fastest in this one.
const ZONE = '-c TimeZone=UTC';

/**
 * Opens a pool on the control database. It connects lazily and reconnects by itself; while the
 * database cannot be reached, every query fails with PgfleetError `unavailable`.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, maxConnections, log, isDurable, onStatement, limits = defaultLimits } = options;
  const pool = new Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: limits.connectMs,
    statement_timeout: limits.statementMs,
    query_timeout: limits.answerMs,
    idle_in_transaction_session_timeout: limits.statementMs,
    application_name: 'pgfleet-control',
    types: { getTypeParser },
    options: [
      ...PLANNING,
      ZONE,
      ...(isDurable === false ? ['-c synchronous_commit=off'] : []),
    ].join(' '),
  });
  pool.on('error', (error) => log.warn({ err: error }, 'idle database connection was lost'));
  // A connection that breaks while in use says so twice: its query fails, which is handled there,
  // and it emits this event, which would end the process if nobody listened.
  pool.on('connect', (client) => {
    client.on('error', (error) => log.debug({ err: error }, 'database connection was lost'));
  });
  return new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: translating(pool) }),
    ...(onStatement && { log: (event) => onStatement(describe(event)) }),
  });
}

function describe({ query, queryDurationMillis: durationMs }: LogEvent): Statement {
  return { text: query.sql, parameters: query.parameters, durationMs };
}

const getTypeParser: CustomTypesConfig['getTypeParser'] = (oid, format) => {
  // Identities, sequences and counts: all of them stay far below 2^53.
  if (oid === types.builtins.INT8) return Number;
  if (oid === types.builtins.TIMESTAMPTZ) return parseTimestamp;
  return types.getTypeParser(oid, format);
};

// A pool whose errors tell an unavailable database from a wrong statement. After an error that the
// server did not answer with, nobody knows what a connection is in the middle of, so it is closed: the
// next one to use it could go on with half a transaction.
function translating(pool: Pool): PostgresPool {
  return {
    connect: async () => {
      const client = await pool.connect().catch(rethrow);
      let broken: Error | undefined;
      return {
        query: (text: string, values: readonly unknown[]) =>
          (broken ? Promise.reject(broken) : client.query(text, [...values])).catch(
            (error: unknown) => {
              if (!(error instanceof DatabaseError)) broken ??= error as Error;
              return rethrow(error);
            },
          ),
        release: () => client.release(broken),
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
// connection, shutdown, resources, read-only, timeouts, lock, deadlock.
const unavailableStates = /^(08|57P0|53[03]|25006$|25P0[34]$|57014$|55P03$|40P01$)/;

function isUnavailable(error: unknown): boolean {
  // What the server did not say itself comes from a connection that broke or could not be made.
  if (!(error instanceof DatabaseError)) return true;
  return unavailableStates.test(error.code ?? '');
}
