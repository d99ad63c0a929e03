import type { Logger } from '@pgfleet/kit';
import type { Database } from './store/database.ts';
import { forgetOldAnswers } from './store/idempotency-keys.ts';

const INTERVAL_MS = 10 * 60_000;

/** Removes, from time to time, what nobody will ask for any more. */
export class Sweeper implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(db: Database, log: Logger) {
    this.#timer = setInterval(() => {
      forgetOldAnswers(db).catch((error: unknown) => {
        log.warn({ err: error }, 'sweep failed, it will be repeated');
      });
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
