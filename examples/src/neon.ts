import { createNeonClient } from '@neon/sdk';
import type { NeonClient } from '@neon/sdk';
import { Client } from 'pg';

/** Neon's client, as it comes from npm. */
export type Neon = NeonClient<true>;

/**
 * Reads where the API is from the environment, under the names that Neon's own tools use. Without
 * NEON_API_HOST it is Neon itself.
 */
export function connectToApi(): Neon {
  const { NEON_API_KEY, NEON_API_HOST, NEON_ORG_ID } = process.env;
  if (!NEON_API_KEY) throw new Error('set NEON_API_KEY to a key of the API');
  return createNeonClient({
    apiKey: NEON_API_KEY,
    ...(NEON_API_HOST ? { baseUrl: NEON_API_HOST } : {}),
    ...(NEON_ORG_ID ? { orgId: NEON_ORG_ID } : {}),
    throwOnError: true,
    wait: { pollIntervalMs: 200 },
  });
}

/** Connects to a database, and verifies whom it talks to. Use it with `await using`. */
export async function connectToDatabase(uri: string): Promise<Client & AsyncDisposable> {
  const client = new Client({
    connectionString: uri.replace('sslmode=require', 'sslmode=verify-full'),
  });
  // A connection that the server ends is reported by the query that needed it.
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
