import { lstat } from 'node:fs/promises';
import { hasErrorCode } from '@pgfleet/kit';

/** Whether there is a directory, and not something else, at a path. */
export async function directoryExists(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw error;
  }
}
