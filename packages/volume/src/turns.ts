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

/** Waits for something that goes on by itself, or rejects with the reason of a signal that aborts before. */
export async function unlessAborted(turn: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    await Promise.race([turn, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
