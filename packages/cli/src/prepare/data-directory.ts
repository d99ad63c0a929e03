import { accessSync, chmodSync, constants, mkdirSync } from 'node:fs';
import { ensureRunDirectory, FileLock, hasErrorCode } from '@pgfleet/kit';
import type { PlatformPaths } from '../platform-paths.ts';
import { StartError } from '../start-error.ts';

/**
 * Makes the data directory and takes its lock, which exactly one `up` holds.
 *
 * @throws StartError when it cannot be written or another `up` has it.
 */
export function claimDataDirectory(paths: PlatformPaths): FileLock {
  try {
    // Computes run as users of their own and pass through here to their data, but list nothing.
    mkdirSync(paths.dataDir, { recursive: true, mode: 0o711 });
    accessSync(paths.dataDir, constants.W_OK | constants.X_OK);
    return lock(paths);
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (!hasErrorCode(error, 'EACCES', 'EROFS', 'EPERM', 'ENOTDIR', 'EEXIST', 'ENOSPC'))
      throw error;
    throw new StartError(
      `cannot write to the data directory ${paths.dataDir} (${(error as NodeJS.ErrnoException).code}): ` +
        'make it writable for this user or set PGFLEET_DATA_DIR to another one',
    );
  }
}

/** Makes what lies below the data directory and is shared by all processes. */
export function layOutDataDirectory(paths: PlatformPaths): void {
  chmodSync(paths.dataDir, 0o711);
  mkdirSync(paths.logDir, { recursive: true, mode: 0o700 });
  mkdirSync(paths.proxyDir, { recursive: true, mode: 0o700 });
  ensureRunDirectory(paths.runDir);
}

function lock(paths: PlatformPaths): FileLock {
  const held = FileLock.tryAcquire(paths.lock);
  if (held) return held;
  throw new StartError(
    `another pgfleet runs on ${paths.dataDir}: stop it first, or set PGFLEET_DATA_DIR`,
  );
}
