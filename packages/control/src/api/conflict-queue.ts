import { PgfleetError } from '@pgfleet/contract';
import { sleep, unlessAborted } from '@pgfleet/kit';

// A restore takes seconds. Clients that repeat what was answered with 423 do so for as long.
const PATIENCE_MS = 15_000;
const LOOK_EVERY_MS = 50;

export interface Waiting {
  /** What conflicts with what: the id of a project. */
  readonly key: string;
  readonly signal: AbortSignal;
}

/** Aborted when nobody waits for its result any more; what is being committed goes on. */
type Attempt<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Has requests that conflict with what is under way wait for their turn, in the order in which they
 * came, instead of being refused at once. Each waits as long as its own patience, whatever those do
 * that are ahead of it.
 */
export class ConflictQueue {
  readonly #patienceMs: number;
  /** When all have left who wait, by what they wait for. */
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
  async run<T>({ key, signal }: Waiting, attempt: Attempt<T>): Promise<T> {
    const end = performance.now() + this.#patienceMs;
    if (!this.#lines.has(key)) {
      try {
        return await attempt(signal);
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
    const patience = new AbortController();
    const lose = () => patience.abort(new PgfleetError('conflicting_operations'));
    const timer = setTimeout(lose, end - performance.now());
    const over = AbortSignal.any([signal, patience.signal]);
    const turn = () => tryUntil(over, attempt);
    return this.#standInLine({ key, signal: over }, turn).finally(() => clearTimeout(timer));
  }

  #standInLine<T>({ key, signal }: Waiting, turn: () => Promise<T>): Promise<T> {
    const ahead = this.#lines.get(key) ?? Promise.resolve();
    const result = unlessAborted(ahead, signal).then(turn);
    // Who leaves before their turn lets nobody behind them pass those ahead.
    const end = Promise.allSettled([ahead, result]);
    const leave = () => {
      if (this.#lines.get(key) === end) this.#lines.delete(key);
    };
    this.#lines.set(key, end);
    void end.then(leave);
    return result;
  }
}

async function tryUntil<T>(signal: AbortSignal, attempt: Attempt<T>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt(signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    await sleep(LOOK_EVERY_MS, signal);
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof PgfleetError && error.code === 'conflicting_operations';
}
