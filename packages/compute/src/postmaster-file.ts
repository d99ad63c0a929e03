import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrorCode } from '@pgfleet/kit';
import { DataDirectory } from './data-directory.ts';

/** What the postmaster says of itself in `postmaster.pid` (src/include/utils/pidfile.h). */
export type PostmasterStatus = 'starting' | 'stopping' | 'ready' | 'standby';

const STATUS_LINE = 7;
// Two paths and six short lines.
const MAX_BYTES = 9_000;

/** Reads the postmaster's status; `undefined` while there is no complete file. */
export function readPostmasterStatus(dataDirectory: string): PostmasterStatus | undefined {
  try {
    using directory = DataDirectory.open(dataDirectory);
    const file = directory.read('postmaster.pid', MAX_BYTES);
    return file.toString('latin1').split('\n')[STATUS_LINE]?.trim() as PostmasterStatus | undefined;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Removes what a postmaster that was killed left behind. A stale file still says `ready`, and its
 * pid may by now belong to another process. Only the holder of the timeline's lock may do this.
 */
export function removeStalePostmasterFiles(dataDirectory: string, socketDirectory: string): void {
  rmSync(join(dataDirectory, 'postmaster.pid'), { force: true });
  rmSync(join(socketDirectory, SOCKET_NAME), { force: true });
  rmSync(join(socketDirectory, `${SOCKET_NAME}.lock`), { force: true });
}

/** The socket's name; the port is part of it although nothing listens on TCP. */
export const SOCKET_NAME = '.s.PGSQL.5432';
