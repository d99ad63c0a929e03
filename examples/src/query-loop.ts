import type { Client } from 'pg';
import { connectToDatabase } from './neon.ts';

const PAUSE_MS = 10;

/** What somebody who used the database would have seen. */
export interface Experience {
  readonly queries: number;
  readonly slowestMs: number;
  /** Why a query failed or the connection ended. */
  readonly error?: string;
  /** Whether another run of Postgres answered than before. */
  readonly restarted: boolean;
}

/** Asks one query after the other, on one connection that stays open. */
export class QueryLoop {
  readonly #stop = new AbortController();
  readonly #running: Promise<Experience>;

  private constructor(client: Client, startedAt: string) {
    this.#running = this.#run(client, startedAt);
  }

  static async open(uri: string): Promise<QueryLoop> {
    const client = await connectToDatabase(uri);
    return new QueryLoop(client, await startOfPostgres(client));
  }

  /** Ends the loop after one more query. */
  async close(): Promise<Experience> {
    this.#stop.abort();
    return await this.#running;
  }

  async #run(client: Client, startedAt: string): Promise<Experience> {
    let [queries, slowestMs, restarted] = [0, 0, false];
    try {
      for (let last = false; !last; queries++) {
        last = this.#stop.signal.aborted;
        const begin = performance.now();
        restarted ||= (await startOfPostgres(client)) !== startedAt;
        slowestMs = Math.max(slowestMs, performance.now() - begin);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      return { queries, slowestMs, restarted };
    } catch (error) {
      return { queries, slowestMs, restarted, error: String(error) };
    } finally {
      await client.end();
    }
  }
}

async function startOfPostgres(client: Client): Promise<string> {
  const { rows } = await client.query<{ at: string }>(
    'SELECT pg_postmaster_start_time()::text AS at',
  );
  return rows[0]!.at;
}

/** Prints what somebody has experienced, and makes the program fail when that was a disturbance. */
export function report(who: string, { queries, slowestMs, error, restarted }: Experience): void {
  const disturbance = error ?? (restarted ? 'Postgres was restarted' : undefined);
  if (disturbance !== undefined) process.exitCode = 1;
  console.log(
    `${who}: ${queries} queries on one connection, the slowest took ${slowestMs.toFixed(0)} ms, ` +
      (disturbance ?? 'no error, no restart'),
  );
}
