import { readFileSync } from 'node:fs';
import { hasErrorCode } from '@pgfleet/kit';
import type { PlatformConfig } from './config.ts';
import { platformPaths } from './platform-paths.ts';
import { StartError } from './start-error.ts';

/** The path of the first API key. @throws StartError when the platform has never been started. */
export function adminKeyPath(config: PlatformConfig): string {
  readAdminKey(config);
  return platformPaths(config.dataDir).adminKey;
}

/** Creates an API key through the API and returns it; it is shown only this once. */
export async function createApiKey(config: PlatformConfig, name: string): Promise<string> {
  const response = await request(config, name);
  const body = (await response.json()) as { key?: string; message?: string };
  if (response.ok && body.key !== undefined) return body.key;
  throw new StartError(`the API refused to create a key: ${body.message ?? response.statusText}`);
}

async function request(config: PlatformConfig, name: string): Promise<Response> {
  const authority = `http://${config.api.address}:${config.api.port}`;
  try {
    return await fetch(`${authority}/api/v2/api_keys`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${readAdminKey(config)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ key_name: name }),
    });
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`nothing answers at ${authority}: start pgfleet with "pgfleet up"`);
  }
}

function readAdminKey(config: PlatformConfig): string {
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
