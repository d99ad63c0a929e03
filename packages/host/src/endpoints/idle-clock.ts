/**
 * Says when something has been quiet for long enough.
 *
 * Activity only notes a time; one timer per clock looks at it when it fires and, if need be, sets
 * itself again. So activity costs nothing, and a stopped clock holds no timer.
 */
export class IdleClock {
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastActiveMs = 0;
  #timeoutMs = Number.POSITIVE_INFINITY;

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  /** Starts with activity now; an infinite timeout never ends. */
  start(timeoutMs: number): void {
    this.touch();
    this.setTimeout(timeoutMs);
  }

  /** Changes the timeout of a running clock without counting as activity. */
  setTimeout(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.rearm();
  }

  /** Notes activity `quietMs` milliseconds ago; older than what is known changes nothing. */
  touch(quietMs = 0): void {
    this.#lastActiveMs = Math.max(this.#lastActiveMs, performance.now() - quietMs);
  }

  /** Whether it has been quiet for the whole timeout. */
  get isDue(): boolean {
    // Timers may fire a fraction of a millisecond early.
    return performance.now() - this.#lastActiveMs + 1 >= this.#timeoutMs;
  }

  /** Waits on, after the clock has fired and its owner has found a reason not to rest. */
  rearm(): void {
    this.stop();
    if (!Number.isFinite(this.#timeoutMs)) return;
    const restMs = this.#lastActiveMs + this.#timeoutMs - performance.now();
    // setTimeout counts in 32 bits; a longer wait is done in pieces.
    this.#timer = setTimeout(() => this.#fire(), Math.min(Math.max(restMs, 0), 2 ** 31 - 1));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #fire(): void {
    if (this.isDue) this.#onIdle();
    else this.rearm();
  }
}
