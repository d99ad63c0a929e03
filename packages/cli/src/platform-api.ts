import { readFileSync } from 'node:fs';
import { hasErrorCode } from '@pgfleet/kit';
import type { PlatformConfig } from './config.ts';
import { platformPaths } from './platform-paths.ts';
import { StartError } from './start-error.ts';

/** One call of the platform's own API with the first API key. */
export interface ApiCall {
  readonly method: 'GET' | 'POST';
  /** Below `/api/v2`. */
  readonly path: string;
  readonly body?: unknown;
}

/**
 * Calls the API of the platform that runs on this machine.
 *
 * @throws StartError in words for whoever runs the command: nothing answers, or the API refuses.
 */
export async function callPlatform<T>(config: PlatformConfig, call: ApiCall): Promise<T> {
  const response = await send(config, call);
  const body = (await response.json()) as T & { readonly message?: string };
  if (response.ok) return body;
  throw new StartError(`the API refused: ${body.message ?? response.statusText}`);
}

async function send(config: PlatformConfig, { method, path, body }: ApiCall): Promise<Response> {
  const authority = `http://${config.api.address}:${config.api.port}`;
  const authorization = `Bearer ${readAdminKey(config)}`;
  try {
    return await fetch(`${authority}/api/v2${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new StartError(`nothing answers at ${authority}: start pgfleet with "pgfleet up"`);
  }
}

/** Reads the first API key. @throws StartError when the platform has never been started. */
export function readAdminKey(config: PlatformConfig): string {
  const path = platformPaths(config.dataDir).adminKey;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT', 'EACCES')) throw error;
    throw new StartError(
      `cannot read ${path}: start pgfleet with "pgfleet up" once, or set PGFLEET_DATA_DIR`,
    );
  }
}
