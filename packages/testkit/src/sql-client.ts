import { Client } from 'pg';
import type { ClientConfig } from 'pg';

/** Connects node-postgres to a URI as printed; `end()` it, or use `await using`. */
export async function connectClient(
  uri: string,
  options: ClientConfig = {},
): Promise<Client & AsyncDisposable> {
  const client = new Client({ ...options, connectionString: uri });
  // A connection that the server ends is reported by the query that needed it.
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
