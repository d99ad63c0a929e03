import { sleep } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import { directoryExists } from './directory-exists.ts';
import type { InFlight } from './in-flight.ts';
import type { TreeDriver } from './tree-driver.ts';
import { Turns, unlessAborted } from './turns.ts';

export interface RemovalParts {
  readonly driver: Pick<TreeDriver, 'remove'>;
  readonly inFlight: InFlight;
  readonly log: Logger;
}

// What keeps a tree from being taken apart is over in a moment, or when somebody has seen to it.
const FIRST_REPETITION_MS = 1000;
const MAX_INTERVAL_MS = 60_000;
// A tree of a thousand files takes less than a second, one of many scattered gigabytes some.
const PATIENCE_MS = 30_000;

/**
 * Takes apart what nobody sees any more, one tree at a time, since taking apart a scattered one takes
 * XFS seconds in which others wait. What fails is told once and tried again, ever more seldom, for as
 * long as the volume is open; what its closing interrupts is swept at the next opening.
 */
export class Removals {
  readonly #parts: RemovalParts;
  readonly #turns = new Turns();
  readonly #first = new Set<Promise<boolean>>();
  readonly #failed = new Set<string>();
  #repeating = false;

  constructor(parts: RemovalParts) {
    this.#parts = parts;
  }

  /** Resolves when a tree is gone, or cannot be taken apart for now; says which. */
  async remove(path: string): Promise<boolean> {
    const attempt = this.#inTurn(path, 'warn');
    this.#first.add(attempt);
    const isGone = await attempt;
    this.#first.delete(attempt);
    if (!isGone) this.#repeat(path);
    return isGone;
  }

  /** Likewise, without waiting for a turn. */
  async removeAtOnce(path: string): Promise<void> {
    if (!(await this.#attempt(path, 'warn'))) this.#repeat(path);
  }

  /**
   * Waits for what is being taken apart, but not for ever; not for what could not be. Says whether
   * there was something to wait for.
   */
  async settle(signal: AbortSignal): Promise<boolean> {
    const pending = [...this.#first];
    if (pending.length === 0) return false;
    const patience = AbortSignal.timeout(PATIENCE_MS);
    try {
      await unlessAborted(Promise.all(pending), AbortSignal.any([signal, patience]));
    } catch (error) {
      signal.throwIfAborted();
      if (!patience.aborted) throw error;
    }
    return true;
  }

  /** Says whether the tree is gone, or the volume closed. */
  async #inTurn(path: string, level: 'warn' | 'debug'): Promise<boolean> {
    const { inFlight } = this.#parts;
    try {
      return await inFlight.run((signal) =>
        this.#turns.run(() => this.#attempt(path, level, signal), signal),
      );
    } catch (error) {
      if (inFlight.isClosed) return true;
      throw error;
    }
  }

  async #attempt(path: string, level: 'warn' | 'debug', signal?: AbortSignal): Promise<boolean> {
    const { driver, log } = this.#parts;
    try {
      if (await directoryExists(path)) await driver.remove(path, signal);
    } catch (error) {
      if (signal?.aborted) return true;
      log[level]({ err: error, path }, 'leftover could not be deleted');
      return false;
    }
    return true;
  }

  #repeat(path: string): void {
    this.#failed.add(path);
    if (this.#repeating) return;
    this.#repeating = true;
    const { inFlight, log } = this.#parts;
    inFlight
      .run((signal) => this.#repeatAll(signal))
      .catch((error: unknown) => {
        this.#repeating = false;
        if (!inFlight.isClosed) log.error({ err: error }, 'leftovers are not tried again');
      });
  }

  async #repeatAll(signal: AbortSignal): Promise<void> {
    for (
      let ms = FIRST_REPETITION_MS;
      this.#failed.size > 0;
      ms = Math.min(2 * ms, MAX_INTERVAL_MS)
    ) {
      await sleep(ms, signal);
      for (const path of this.#failed) {
        if (await this.#inTurn(path, 'debug')) this.#failed.delete(path);
      }
    }
    this.#repeating = false;
  }
}
