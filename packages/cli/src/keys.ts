import type { PlatformConfig } from './config.ts';
import { callPlatform, readAdminKey } from './platform-api.ts';
import { platformPaths } from './platform-paths.ts';

/** The path of the first API key. @throws StartError when the platform has never been started. */
export function adminKeyPath(config: PlatformConfig): string {
  readAdminKey(config);
  return platformPaths(config.dataDir).adminKey;
}

/** Creates an API key through the API and returns it; it is shown only this once. */
export async function createApiKey(config: PlatformConfig, name: string): Promise<string> {
  const { key } = await callPlatform<{ readonly key: string }>(config, {
    method: 'POST',
    path: '/api_keys',
    body: { key_name: name },
  });
  return key;
}
