/** Takes the time that each phase of something took. */
export class PhaseTimer {
  readonly #phases: Record<string, number> = {};
  readonly #startMs = performance.now();
  #lastMs = this.#startMs;

  /** Ends the present phase and names it. */
  mark(phase: string): void {
    const now = performance.now();
    this.#phases[phase] = round(now - this.#lastMs);
    this.#lastMs = now;
  }

  /** Milliseconds by phase, and `total`. */
  read(): Readonly<Record<string, number>> {
    return { ...this.#phases, total: round(performance.now() - this.#startMs) };
  }
}

const round = (ms: number) => Math.round(ms * 100) / 100;
