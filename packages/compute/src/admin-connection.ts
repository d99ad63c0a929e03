import type { QueryResultRow } from 'pg';

export interface AdminConnectionOptions {
  readonly socketDirectory: string;
  /** `cloud_admin`'s possible secrets, tried in this order. */
  readonly secrets: readonly string[];
  /** `postgres` when left out. */
  readonly database?: string;
  /** For login and for every statement; 10,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A connection as `cloud_admin` over the instance's Unix socket. */
export class AdminConnection implements AsyncDisposable {
  static open(_options: AdminConnectionOptions): Promise<AdminConnection> {
    throw new Error('not yet');
  }

  /** Runs one statement with parameters. */
  query<Row extends QueryResultRow>(_sql: string, _values?: readonly unknown[]): Promise<Row[]> {
    throw new Error('not yet');
  }

  [Symbol.asyncDispose](): Promise<void> {
    throw new Error('not yet');
  }
}
