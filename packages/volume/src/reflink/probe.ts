import { constants } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode } from '@pgfleet/kit';
import type { Finding } from '../tree-driver.ts';

/** Clones a small file in a directory of its own, which it removes again. */
export async function probeReflink(directory: string): Promise<Finding> {
  const probe = await mkdtemp(join(directory, '.pgfleet-probe-'));
  try {
    await writeFile(join(probe, 'source'), 'reflink');
    await copyFile(join(probe, 'source'), join(probe, 'clone'), constants.COPYFILE_FICLONE_FORCE);
    return { works: true, reason: 'the file system can clone files' };
  } catch (error) {
    if (!hasErrorCode(error, 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENOTTY', 'EINVAL', 'EXDEV')) {
      throw error;
    }
    return { works: false, reason: 'the file system cannot clone files' };
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}
