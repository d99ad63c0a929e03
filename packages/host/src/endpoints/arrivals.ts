import { PgfleetError } from '@pgfleet/contract';

const MAX_WAITING = 10_000;

interface Waiter {
  readonly hasArrived: () => boolean;
  readonly wake: () => void;
}

/** Lets callers wait for something that control has announced but not yet sent. */
export class Arrivals {
  readonly #waiters = new Set<Waiter>();

  /** Resolves `true` as soon as `hasArrived` does, `false` when the time is over. */
  async wait(hasArrived: () => boolean, timeoutMs: number): Promise<boolean> {
    if (hasArrived()) return true;
    if (timeoutMs <= 0) return false;
    if (this.#waiters.size >= MAX_WAITING) throw new PgfleetError('too_many_requests');
    const { promise, resolve } = withResolvers();
    const waiter = { hasArrived, wake: resolve };
    this.#waiters.add(waiter);
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
    this.#waiters.delete(waiter);
    return hasArrived();
  }

  /** Something has arrived. */
  announce(): void {
    for (const waiter of this.#waiters) if (waiter.hasArrived()) waiter.wake();
  }
}

// Promise.withResolvers came with Node 22.
function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
