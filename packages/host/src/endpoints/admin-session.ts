import { AdminConnection } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';

const KEEP_MS = 30_000;
const STATEMENT_TIMEOUT_MS = 10_000;
const MAX_WAITING = 1000;

export interface AdminSessionOptions {
  readonly socketDirectory: string;
  /** `cloud_admin`'s possible secrets at the moment of the call. */
  readonly secrets: () => readonly string[];
  readonly log: Logger;
}

/**
 * `cloud_admin`'s connection to one running compute: opened when needed, shared by whoever asks
 * meanwhile, closed after half a minute without use.
 */
export class AdminSession implements AsyncDisposable {
  readonly #options: AdminSessionOptions;
  #connection: Promise<AdminConnection> | undefined;
  #closeTimer: NodeJS.Timeout | undefined;
  #waiting = 0;
  #isClosed = false;

  constructor(options: AdminSessionOptions) {
    this.#options = options;
  }

  /** Runs `work` on the connection; on a new one when the kept one turns out to be broken. */
  async use<T>(work: (connection: AdminConnection) => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw new PgfleetError('too_many_requests');
    this.#waiting++;
    clearTimeout(this.#closeTimer);
    try {
      return await this.#tryTwice(work);
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#closeLater();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#closeTimer);
    await this.#drop(this.#connection);
  }

  async #tryTwice<T>(work: (connection: AdminConnection) => Promise<T>): Promise<T> {
    const kept = this.#connection;
    try {
      return await work(await this.#open());
    } catch (error) {
      await this.#drop(this.#connection);
      if (!kept || this.#isClosed) throw error;
      return work(await this.#open());
    }
  }

  #open(): Promise<AdminConnection> {
    if (this.#isClosed)
      throw new PgfleetError('unavailable', { message: 'the compute is stopping' });
    const { socketDirectory, secrets } = this.#options;
    this.#connection ??= AdminConnection.open({
      socketDirectory,
      secrets: secrets(),
      timeoutMs: STATEMENT_TIMEOUT_MS,
    });
    return this.#connection;
  }

  async #drop(connection: Promise<AdminConnection> | undefined): Promise<void> {
    if (connection === undefined) return;
    if (this.#connection === connection) this.#connection = undefined;
    try {
      await (await connection)[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.log.debug({ err: error }, 'administrative connection was broken');
    }
  }

  #closeLater(): void {
    if (this.#isClosed || !this.#connection) return;
    this.#closeTimer = setTimeout(() => void this.#drop(this.#connection), KEEP_MS);
    this.#closeTimer.unref();
  }
}
