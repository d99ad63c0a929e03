import { unlessAborted } from '@pgfleet/kit';
import type { IdempotentCall } from '../store/idempotency-keys.ts';

/**
 * Has calls with the same `Idempotency-Key` follow one another within this process, so that the work
 * that goes before a transaction is not done for each of them: who comes meanwhile finds the answer of
 * the one before, or tries what that one failed in. Between replicas only the transactions wait for
 * each other, at the row of the key: such work is then done twice, and all get the answer of one.
 */
export class RunningCalls {
  /** When the one that runs has ended, in whatever way. */
  readonly #ends = new Map<string, Promise<void>>();

  /**
   * Does the work once no other call with the key runs; at once without a key.
   *
   * @throws the signal's reason when it aborts before that, and whatever `work` throws.
   */
  async inTurn<T>(
    call: IdempotentCall | undefined,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    if (!call) return work();
    const id = JSON.stringify([call.subject, call.key]);
    for (let end = this.#ends.get(id); end; end = this.#ends.get(id)) {
      await unlessAborted(end, signal);
    }
    const result = work();
    const forget = () => void this.#ends.delete(id);
    this.#ends.set(id, result.then(forget, forget));
    return result;
  }
}
