import type { OperationId } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import { WakeUp } from '../operations/wake-up.ts';
import type { Database } from '../store/database.ts';
import { listUnfinished } from '../store/operations.ts';
import type { OperationEvents } from './api-context.ts';

/*
 * Requests that wait for the end of operations.
 *
 * The rows say what has ended. When to look: at once, when the worker of this process is through with
 * an operation that somebody waits for; otherwise every second, for what other replicas run. However
 * many wait, one look is one query.
 */

const LOOK_EVERY_MS = 1_000;
/** Each one holds a connection of a client. */
const MAX_WAITS = 1_000;

interface Wait {
  readonly pending: Set<OperationId>;
  readonly end: () => void;
}

export interface OperationWaitsOptions {
  readonly db: Database;
  readonly worker: OperationEvents;
  readonly log: Logger;
  readonly maxWaits?: number;
}

export class OperationWaits implements Disposable {
  readonly #options: OperationWaitsOptions;
  readonly #waits = new Set<Wait>();
  readonly #bell = new WakeUp();
  #isWatching = false;
  #isStopped = false;

  constructor(options: OperationWaitsOptions) {
    this.#options = options;
    options.worker.onThrough((id) => {
      if ([...this.#waits].some(({ pending }) => pending.has(id))) this.#bell.ring();
    });
  }

  /** Whether as many wait as may. */
  get isFull(): boolean {
    return this.#waits.size >= (this.#options.maxWaits ?? MAX_WAITS);
  }

  /** Resolves when all of these operations have ended, or at the latest when the signal aborts. */
  async until(ids: readonly OperationId[], signal: AbortSignal): Promise<void> {
    if (ids.length === 0 || signal.aborted || this.#isStopped) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        this.#waits.delete(wait);
        signal.removeEventListener('abort', end);
        if (this.#waits.size === 0) this.#bell.ring();
        resolve();
      };
      const wait: Wait = { pending: new Set(ids), end };
      signal.addEventListener('abort', end, { once: true });
      this.#waits.add(wait);
      this.#bell.ring();
      if (!this.#isWatching) void this.#watch();
    });
  }

  /** Ends all waits, and those to come. */
  [Symbol.dispose](): void {
    this.#isStopped = true;
    for (const { end } of this.#waits) end();
  }

  async #watch(): Promise<void> {
    this.#isWatching = true;
    while (this.#waits.size > 0) {
      await this.#bell.sleep(LOOK_EVERY_MS);
      await this.#look();
    }
    this.#isWatching = false;
  }

  // While the database is down nothing is known; who waits does so until the time is over.
  async #look(): Promise<void> {
    const waits = [...this.#waits];
    const ids = new Set(waits.flatMap(({ pending }) => [...pending]));
    if (ids.size === 0) return;
    try {
      const unfinished = await listUnfinished(this.#options.db, [...ids]);
      for (const { pending, end } of waits) {
        for (const id of pending) if (!unfinished.has(id)) pending.delete(id);
        if (pending.size === 0) end();
      }
    } catch (error) {
      this.#options.log.info({ err: error }, 'operations that are waited for could not be read');
    }
  }
}
