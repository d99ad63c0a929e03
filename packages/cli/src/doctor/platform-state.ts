import { existsSync } from 'node:fs';
import { isLocked } from '@pgfleet/kit';
import type { PlatformConfig } from '../config.ts';
import type { PlatformPaths } from '../platform-paths.ts';

/** What every check starts from. */
export interface PlatformState {
  readonly config: PlatformConfig;
  readonly paths: PlatformPaths;
  /** Whether pgfleet was ever started on this data directory. */
  readonly exists: boolean;
  /** Whether an `up` runs on it now. */
  readonly runs: boolean;
}

export function describePlatform(config: PlatformConfig, paths: PlatformPaths): PlatformState {
  return { config, paths, exists: existsSync(paths.dataDir), runs: isLocked(paths.lock) };
}
