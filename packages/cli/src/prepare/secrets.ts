import { randomBytes } from 'node:crypto';
import { loadOrCreateSecret, parseMasterKey, randomText } from '@pgfleet/kit';
import type { PlatformConfig } from '../config.ts';
import type { PlatformPaths } from '../platform-paths.ts';
import { StartError } from '../start-error.ts';

const INTERNAL_TOKEN_LETTERS = 48;
const MASTER_KEY_BYTES = 32;

/**
 * Makes sure that the internal token and the master key exist (0600). A master key given by
 * PGFLEET_MASTER_KEY is only checked, never written down.
 */
export function ensureSecrets(config: PlatformConfig, paths: PlatformPaths): void {
  loadOrCreateSecret(paths.internalKey, () => randomText(INTERNAL_TOKEN_LETTERS));
  const masterKey =
    config.masterKey ??
    loadOrCreateSecret(paths.masterKey, () => randomBytes(MASTER_KEY_BYTES).toString('hex'));
  try {
    parseMasterKey(masterKey);
  } catch (error) {
    const source = config.masterKey ? 'PGFLEET_MASTER_KEY' : paths.masterKey;
    throw new StartError(`${source}: ${(error as Error).message}`);
  }
}
