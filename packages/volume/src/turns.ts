/** Lets one thing happen at a time, in the order they were asked for. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Waits for its turn, or rejects with the reason of a signal that aborts before. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last;
    let finish = () => {};
    const own = new Promise<void>((resolve) => {
      finish = resolve;
    });
    this.#last = before.then(() => own);
    try {
      await unlessAborted(before, signal);
      return await work();
    } finally {
      finish();
    }
  }
}

function unlessAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    void turn.then(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
