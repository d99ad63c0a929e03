import { PgfleetError } from '@pgfleet/contract';
import { sleep } from '@pgfleet/kit';

// A restore takes seconds. Clients that repeat what was answered with 423 do so for as long.
const PATIENCE_MS = 15_000;
const LOOK_EVERY_MS = 50;

export interface Waiting {
  /** What conflicts with what: the id of a project. */
  readonly key: string;
  readonly signal: AbortSignal;
}

/**
 * Has requests that conflict with what is under way wait for their turn, in the order in which they
 * came, instead of being refused at once.
 */
export class ConflictQueue {
  readonly #patienceMs: number;
  /** The end of the last one that waits, by what they wait for. */
  readonly #lines = new Map<string, Promise<unknown>>();

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
  }

  /**
   * Tries until there is no conflict any more.
   *
   * @throws PgfleetError `conflicting_operations` when that takes too long; whatever `attempt` throws
   * otherwise; the signal's reason.
   */
  async run<T>(waiting: Waiting, attempt: () => Promise<T>): Promise<T> {
    const end = performance.now() + this.#patienceMs;
    if (!this.#lines.has(waiting.key)) {
      try {
        return await attempt();
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
    return this.#standInLine(waiting, () => this.#tryUntil(end, waiting, attempt));
  }

  #standInLine<T>({ key }: Waiting, turn: () => Promise<T>): Promise<T> {
    const ahead = this.#lines.get(key) ?? Promise.resolve();
    const result = ahead.then(turn, turn);
    this.#lines.set(key, result);
    const leave = () => {
      if (this.#lines.get(key) === result) this.#lines.delete(key);
    };
    result.then(leave, leave);
    return result;
  }

  async #tryUntil<T>(end: number, { signal }: Waiting, attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        if (!isConflict(error) || performance.now() >= end) throw error;
      }
      await sleep(LOOK_EVERY_MS, signal);
    }
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof PgfleetError && error.code === 'conflicting_operations';
}
