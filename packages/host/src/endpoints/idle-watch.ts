import type { Logger } from '@pgfleet/kit';
import type { ComputeRun } from './compute-run.ts';
import { IdleClock } from './idle-clock.ts';

// One that cannot even say what it does is not kept running for ever.
const MAX_FAILURES = 3;

/**
 * Finds out that a running compute is idle: no traffic for the timeout, as proxies report it, and
 * then nothing going on inside either, which is asked once at the end of the timeout.
 */
export class IdleWatch {
  readonly #log: Logger;
  readonly #onIdle: () => void;
  readonly #clock = new IdleClock(() => void this.#check());
  #run: ComputeRun | undefined;
  #failures = 0;

  constructor(log: Logger, onIdle: () => void) {
    this.#log = log;
    this.#onIdle = onIdle;
  }

  start(run: ComputeRun, timeoutMs: number): void {
    this.#run = run;
    this.#failures = 0;
    this.#clock.start(timeoutMs);
  }

  setTimeout(timeoutMs: number): void {
    this.#clock.setTimeout(timeoutMs);
  }

  /** Notes traffic `quietMs` milliseconds ago. */
  touch(quietMs: number): void {
    this.#clock.touch(quietMs);
  }

  stop(): void {
    this.#run = undefined;
    this.#clock.stop();
  }

  async #check(): Promise<void> {
    const run = this.#run;
    if (!run) return;
    if (await this.#isBusy(run)) this.#clock.touch();
    if (this.#run !== run) return;
    if (this.#clock.isDue) this.#onIdle();
    else this.#clock.rearm();
  }

  async #isBusy(run: ComputeRun): Promise<boolean> {
    try {
      const { busyBackends, walSenders, lastActivityAt } = await run.activity();
      this.#failures = 0;
      if (lastActivityAt) this.#clock.touch(Math.max(0, Date.now() - lastActivityAt.getTime()));
      return busyBackends > 0 || walSenders > 0;
    } catch (error) {
      const fields = { err: error, endpoint_id: run.endpointId };
      this.#log.warn(fields, 'activity of a compute could not be read');
      return ++this.#failures < MAX_FAILURES;
    }
  }
}
