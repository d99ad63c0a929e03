import { setTimeout as delay } from 'node:timers/promises';

/** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Thrown by {@link waitUntil} and {@link withDeadline} when the time is over. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

export interface WaitOptions {
  /** What is waited for, for the error message: "postgres to accept connections". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Polls `condition` until it returns something truthy and resolves with that.
 *
 * @throws TimeoutError when `timeoutMs` has passed; the signal's reason when it aborts.
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<NonNullable<T>> {
  const end = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await condition();
    if (value) return value;
    if (performance.now() >= end) throw timeoutError(options.what, options.timeoutMs);
    await sleep(options.intervalMs ?? 10, options.signal);
  }
}

/**
 * Runs `work` with a signal that aborts after `timeoutMs` or with the caller's signal.
 *
 * @throws TimeoutError when the time is over before `work` settles, even if it ignores its signal.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  options: WaitOptions,
): Promise<T> {
  const deadline = new AbortController();
  const onAbort = () => deadline.abort(options.signal?.reason);
  options.signal?.throwIfAborted();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => deadline.abort(timeoutError(options.what, options.timeoutMs)),
    options.timeoutMs,
  );
  try {
    return await Promise.race([work(deadline.signal), rejection(deadline.signal)]);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** Waits for `work` until the signal aborts, then rejects with its reason; the work itself goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([work, rejection(signal)]);
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function timeoutError(what: string, timeoutMs: number): TimeoutError {
  return new TimeoutError(`gave up waiting for ${what} after ${timeoutMs} ms`);
}
