import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes what Postgres rebuilds by itself, from a cluster at rest: the relation cache files, which
 * the next start discards anyway and every clone would pay for on disk.
 */
export async function removeRebuildableCaches(dataDirectory: string): Promise<void> {
  const databases = await readdir(join(dataDirectory, 'base'));
  const directories = ['global', ...databases.map((database) => join('base', database))];
  for (const directory of directories) {
    await rm(join(dataDirectory, directory, 'pg_internal.init'), { force: true });
  }
}
