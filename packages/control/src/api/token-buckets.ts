/** How fast a bucket fills, and how much it holds. */
export interface Rate {
  readonly key: string;
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
  readonly fullAtMs: number;
}

/** A few hundred bytes each. */
const MAX_BUCKETS = 50_000;

/** Buckets of tokens that fill with time; what is full needs no memory. */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;
  readonly #maxBuckets: number;

  constructor({ now = () => performance.now(), maxBuckets = MAX_BUCKETS } = {}) {
    this.#now = now;
    this.#maxBuckets = maxBuckets;
  }

  /**
   * Takes one token out of every bucket and returns 0; or takes none and returns after how many
   * milliseconds each of them will have one.
   */
  take(rates: readonly Rate[]): number {
    const atMs = this.#now();
    const levels = rates.map((rate) => ({ rate, tokens: this.#level(rate, atMs) }));
    const waits = levels.map(({ rate, tokens }) => ((1 - tokens) / rate.perSecond) * 1_000);
    const waitMs = Math.max(0, ...waits);
    if (waitMs > 0) return waitMs;
    for (const { rate, tokens } of levels) this.#put(rate, tokens - 1, atMs);
    return 0;
  }

  #level({ key, burst, perSecond }: Rate, atMs: number): number {
    const bucket = this.#buckets.get(key);
    if (!bucket) return burst;
    return Math.min(burst, bucket.tokens + ((atMs - bucket.atMs) / 1_000) * perSecond);
  }

  // The map keeps the order of the last use: what was not used for longest is in front.
  #put({ key, burst, perSecond }: Rate, tokens: number, atMs: number): void {
    const fullAtMs = atMs + ((burst - tokens) / perSecond) * 1_000;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens, atMs, fullAtMs });
    for (const [oldest, { fullAtMs: until }] of this.#buckets) {
      if (until > atMs && this.#buckets.size <= this.#maxBuckets) break;
      this.#buckets.delete(oldest);
    }
  }
}
