import { sleep } from '@pgfleet/kit';
import { connectClient } from '@pgfleet/testkit';

// A client that hears nothing any more tries anew.
const PATIENCE_MS = 20_000;
const PAUSE_MS = 20;

export interface LedgerWriterOptions {
  readonly uri: string;
  /** The first column of every row this writer writes. */
  readonly name: string;
}

/** A client that writes numbered rows one by one and remembers those that were acknowledged. */
export class LedgerWriter {
  readonly name: string;
  readonly acknowledged: number[] = [];
  interruptions = 0;
  readonly #options: LedgerWriterOptions;
  #next = 0;

  constructor(options: LedgerWriterOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Writes until the signal aborts; a session that breaks is followed by the next. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#session(signal);
      } catch {
        this.interruptions++;
        await sleep(PAUSE_MS);
      }
    }
  }

  async #session(signal: AbortSignal): Promise<void> {
    const { uri } = this.#options;
    await using client = await connectClient(uri, {
      connectionTimeoutMillis: PATIENCE_MS,
      query_timeout: PATIENCE_MS,
    });
    while (!signal.aborted) {
      const row = this.#next++;
      await client.query('insert into ledger values ($1, $2)', [this.name, row]);
      this.acknowledged.push(row);
    }
  }
}
