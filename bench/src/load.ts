import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, waitUntil } from '@pgfleet/kit';
import { pgbench, readTransactions } from './pgbench.ts';
import type { PgEnvironment, Throughput, Transaction } from './pgbench.ts';

/** A stretch of time, in milliseconds since 1970. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

const CLIENTS = 4;
const MAX_SECONDS = 900;
const WARM_UP_MS = 3_000;
// pgbench writes its logs in blocks; the last ones of a killed one are lost.
const LOST_TAIL_MS = 3_000;

/**
 * The TPC-B script of pgbench with four clients, in the background, until it is disposed of or a
 * quarter of an hour is over.
 */
export class Load implements AsyncDisposable {
  readonly #directory: string;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #failure: unknown;
  #hasEnded = false;

  private constructor(env: PgEnvironment) {
    this.#directory = mkdtempSync(join(tmpdir(), 'pgfleet-load-'));
    const flags = ['-n', '-l', '-c', String(CLIENTS), '-j', '2', '-T', String(MAX_SECONDS)];
    this.#ended = pgbench(flags, {
      env,
      cwd: this.#directory,
      timeoutMs: 2 * MAX_SECONDS * 1000,
      signal: this.#stopping.signal,
    })
      .then(
        () => undefined,
        (error: unknown) => void (this.#failure = error),
      )
      .finally(() => (this.#hasEnded = true));
  }

  /** Resolves when transactions have been flowing for some seconds. */
  static async start(env: PgEnvironment): Promise<Load> {
    const load = new Load(env);
    try {
      await waitUntil(() => load.#hasEnded || load.#hasWritten(), {
        what: 'the first transactions of pgbench',
        timeoutMs: 60_000,
      });
      await sleep(WARM_UP_MS);
      load.assertRunning();
      return load;
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** @throws Error when it is over: what was measured since was not measured under load. */
  assertRunning(): void {
    if (!this.#hasEnded) return;
    throw new Error('pgbench ended before the measurement did', { cause: this.#failure });
  }

  /** Ends it, and says what went on in each of some stretches of its run. */
  async finish<Name extends string>(
    stretches: Readonly<Record<Name, readonly Stretch[]>>,
  ): Promise<Record<Name, Throughput>> {
    await sleep(LOST_TAIL_MS);
    this.assertRunning();
    await this.#stop();
    const transactions = readTransactions(this.#directory);
    const names = Object.keys(stretches) as Name[];
    const entries = names.map((name) => [name, throughputOf(transactions, stretches[name])]);
    return Object.fromEntries(entries) as Record<Name, Throughput>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  #hasWritten(): boolean {
    return readdirSync(this.#directory).some((name) => {
      return statSync(join(this.#directory, name)).size > 0;
    });
  }
}

/** Times a stretch of work. */
export async function stretchOf(work: () => Promise<unknown>): Promise<Stretch> {
  const fromMs = Date.now();
  await work();
  return { fromMs, toMs: Date.now() };
}

/** Counts the transactions that ended within some stretches of time. */
export function throughputOf(
  transactions: readonly Transaction[],
  stretches: readonly Stretch[],
): Throughput {
  const inside = transactions.filter(({ endedAtMs: end }) =>
    stretches.some(({ fromMs, toMs }) => end >= fromMs && end < toMs),
  );
  const lengthMs = stretches.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  return {
    tps: (1000 * inside.length) / lengthMs,
    latenciesMs: inside.map(({ elapsedMs }) => elapsedMs),
  };
}
