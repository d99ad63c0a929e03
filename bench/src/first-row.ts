import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { sleep } from '@pgfleet/kit';

/** Connects as a driver would, reads one row, and says how long all of it took. */
export async function firstRowMs(config: ClientConfig): Promise<number> {
  const start = performance.now();
  const client = new Client(config);
  await client.connect();
  await client.query('SELECT 1');
  const elapsed = performance.now() - start;
  await client.end();
  return elapsed;
}

/** As {@link firstRowMs}, for a server that is just starting: tries again every millisecond. */
export async function firstRowOfStartingServer(
  config: ClientConfig,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await firstRowMs(config);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!isStarting(error)) throw error;
      await sleep(1, signal);
    }
  }
}

// No socket yet, a socket nobody listens on, or "the database system is starting up".
function isStarting(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === '57P03';
}
