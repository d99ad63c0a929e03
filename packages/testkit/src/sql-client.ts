import { Client } from 'pg';
import type { ClientConfig } from 'pg';

/** Connects node-postgres and trusts the platform's own authority; `end()` it, or use `await using`. */
export async function connectClient(
  uri: string,
  { caPath, ...options }: ClientConfig & { readonly caPath?: string } = {},
): Promise<Client & AsyncDisposable> {
  const trusting = caPath === undefined ? uri : verifying(uri, caPath);
  const client = new Client({ ...options, connectionString: trusting });
  // A connection that the server ends is reported by the query that needed it.
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

// What node-postgres makes of every mode anyway, with a warning for the others.
function verifying(uri: string, caPath: string): string {
  const strict = uri.replace('sslmode=require', 'sslmode=verify-full');
  return withParameter(strict, 'sslrootcert', caPath);
}

/** Adds a parameter to a connection URI. */
export function withParameter(uri: string, name: string, value: string): string {
  return `${uri}${uri.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`;
}
