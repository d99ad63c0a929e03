import { backoffMs } from '@pgfleet/kit';

const WINDOW_MS = 60_000;
const MAX_DEATHS = 10;
// What never worked will hardly work the tenth time, and somebody waits for `up` to say so.
const MAX_DEATHS_BEFORE_FIRST_SERVICE = 3;
const BACKOFF = { baseMs: 100, capMs: 5_000 } as const;

export type RestartVerdict =
  | { readonly kind: 'restart'; readonly afterMs: number }
  | { readonly kind: 'give-up'; readonly deaths: number };

/** Decides after each death of one service whether it is started again, and when. */
export class RestartPolicy {
  #deathsAtMs: number[] = [];
  #hasServed = false;

  served(): void {
    this.#hasServed = true;
  }

  died(nowMs: number): RestartVerdict {
    this.#deathsAtMs = [...this.#deathsAtMs.filter((at) => nowMs - at < WINDOW_MS), nowMs];
    const deaths = this.#deathsAtMs.length;
    const limit = this.#hasServed ? MAX_DEATHS : MAX_DEATHS_BEFORE_FIRST_SERVICE;
    if (deaths >= limit) return { kind: 'give-up', deaths };
    return { kind: 'restart', afterMs: backoffMs(deaths, BACKOFF) };
  }
}
