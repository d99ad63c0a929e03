interface Operation {
  readonly controller: AbortController;
  readonly done: Promise<unknown>;
}

/** The operations of something that can be closed: none starts afterwards, none outlives it. */
export class InFlight {
  readonly #operations = new Set<Operation>();
  #closedBy: Error | undefined;

  get isClosed(): boolean {
    return this.#closedBy !== undefined;
  }

  /** Runs `work` with a signal that aborts with the caller's, or when all of this is closed. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#closedBy) throw this.#closedBy;
    signal?.throwIfAborted();
    const controller = new AbortController();
    const forward = () => controller.abort(signal?.reason);
    signal?.addEventListener('abort', forward, { once: true });
    const operation = { controller, done: work(controller.signal) };
    this.#operations.add(operation);
    try {
      return await operation.done;
    } finally {
      this.#operations.delete(operation);
      signal?.removeEventListener('abort', forward);
    }
  }

  /** Aborts what runs with `reason` and waits until all of it has ended. */
  async close(reason: Error): Promise<void> {
    this.#closedBy = reason;
    for (const { controller } of this.#operations) controller.abort(reason);
    await Promise.allSettled([...this.#operations].map(({ done }) => done));
  }
}
