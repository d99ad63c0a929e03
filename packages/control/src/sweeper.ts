import { sleep } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';

/** Something that no request asks for and that has to be done from time to time. */
export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  /**
   * Does what is due. Several control replicas may do the same chore at the same moment; one that
   * fails is repeated at its next turn.
   */
  run(signal: AbortSignal): Promise<unknown>;
}

/** Does chores, each at its own pace and never twice at a time, until it is disposed. */
export class Sweeper implements AsyncDisposable {
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #loops: readonly Promise<void>[];

  constructor(chores: readonly Chore[], log: Logger) {
    this.#log = log;
    this.#loops = chores.map((chore) => this.#repeat(chore));
  }

  /** Aborts what runs and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('control is stopping'));
    await Promise.all(this.#loops);
  }

  async #repeat(chore: Chore): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await chore.run(signal);
      } catch (error) {
        if (!signal.aborted) {
          this.#log.warn({ err: error, chore: chore.name }, 'chore failed, it will be repeated');
        }
      }
      // Only the stop ends it early.
      await sleep(chore.everyMs, signal).catch(() => undefined);
    }
  }
}
