import { withDeadline } from '@pgfleet/kit';
import { Client, DatabaseError, type QueryResult, type QueryResultRow } from 'pg';
import { ComputeError } from './compute-error.ts';

export interface AdminConnectionOptions {
  readonly socketDirectory: string;
  /** `cloud_admin`'s possible secrets, tried in this order. */
  readonly secrets: readonly string[];
  /** Who logs in; `cloud_admin` when left out. */
  readonly role?: string;
  /** More for the server's command line of the session. */
  readonly options?: string;
  /** `postgres` when left out. */
  readonly database?: string;
  /** For login and for every statement; 30,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The superuser that only pgfleet is; no tenant ever holds its secret. */
export const ADMIN_ROLE = 'cloud_admin';

const DEFAULT_TIMEOUT_MS = 30_000;
const INVALID_PASSWORD = '28P01';

// Said at login, where it counts more than the endpoint's own settings and those of a database:
// what these ask for must neither hinder pgfleet nor lend a tenant's functions its rights.
export const ADMIN_SESSION_SETTINGS = Object.entries({
  search_path: 'pg_catalog',
  statement_timeout: 0,
  lock_timeout: 0,
  idle_session_timeout: 0,
  default_transaction_read_only: 'off',
  role: 'none',
  // Reads its hints from a table that a tenant may put a view in the place of.
  'pg_hint_plan.enable_hint_table': 'off',
})
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');

/**
 * A connection as `cloud_admin` over the instance's Unix socket. It may be shared: statements are
 * run one after the other.
 */
export class AdminConnection implements AsyncDisposable {
  /** The secret that was right. */
  readonly secret: string;
  readonly #client: Client;
  #failure: Error | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(client: Client, secret: string) {
    this.#client = client;
    this.secret = secret;
  }

  /**
   * Logs in with the first secret that is right.
   *
   * @throws ComputeError `admin_login_failed` when none is; the connection's error otherwise.
   */
  static async open(options: AdminConnectionOptions): Promise<AdminConnection> {
    let refusal: unknown;
    for (const secret of options.secrets) {
      try {
        return await AdminConnection.#logIn(options, secret);
      } catch (error) {
        if (!isInvalidPassword(error)) throw error;
        refusal = error;
      }
    }
    const message = 'no known secret opens the instance';
    throw new ComputeError('admin_login_failed', message, { cause: refusal });
  }

  static async #logIn(options: AdminConnectionOptions, secret: string): Promise<AdminConnection> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const client = new Client({
      host: options.socketDirectory,
      user: options.role ?? ADMIN_ROLE,
      password: secret,
      database: options.database ?? 'postgres',
      application_name: 'pgfleet',
      options: `${ADMIN_SESSION_SETTINGS} ${options.options ?? ''}`.trimEnd(),
      query_timeout: timeoutMs,
    });
    const connection = new AdminConnection(client, secret);
    // Without a listener a connection lost between two statements would end the process.
    client.on('error', (error) => {
      connection.#failure = error;
    });
    const { signal } = options;
    try {
      await withDeadline(() => client.connect(), {
        what: 'the admin login',
        timeoutMs,
        ...(signal ? { signal } : {}),
      });
      return connection;
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
  }

  /** Runs one statement with parameters. */
  async query<Row extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    const { rows } = await this.#inTurn(() => this.#client.query<Row>(sql, [...values]));
    return rows;
  }

  /** Runs several statements in one round trip and one transaction; the rows of the last one. */
  async script<Row extends QueryResultRow>(statements: readonly string[]): Promise<Row[]> {
    const answer: unknown = await this.#inTurn(() => this.#client.query(statements.join(';\n')));
    const results = (Array.isArray(answer) ? answer : [answer]) as QueryResult<Row>[];
    return results.at(-1)?.rows ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }

  // The driver's timeout for a statement begins when it is handed over, not when it is sent.
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (this.#failure) throw this.#failure;
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

function isInvalidPassword(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === INVALID_PASSWORD;
}
