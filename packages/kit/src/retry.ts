import { sleep } from './wait.ts';

export interface RetryOptions {
  readonly attempts: number;
  /** First pause; doubles with every attempt, with full jitter. */
  readonly baseMs: number;
  readonly capMs: number;
  readonly signal?: AbortSignal;
  /** Decides whether an error is worth another attempt; all are when left out. */
  readonly retryable?: (error: unknown) => boolean;
}

/** Runs `work` until it succeeds, `attempts` are used up, or an error is not worth retrying. */
export async function retry<T>(
  work: (attempt: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      const last = attempt >= options.attempts || options.retryable?.(error) === false;
      if (last) throw error;
      await sleep(backoffMs(attempt, options), options.signal);
    }
  }
}

/** Full-jitter exponential backoff: a random pause up to `baseMs * 2^(attempt - 1)`, capped. */
export function backoffMs(
  attempt: number,
  { baseMs, capMs }: { readonly baseMs: number; readonly capMs: number },
): number {
  return Math.random() * Math.min(capMs, baseMs * 2 ** (attempt - 1));
}
