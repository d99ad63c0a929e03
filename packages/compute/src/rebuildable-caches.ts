import { DataDirectory } from './data-directory.ts';

/**
 * Removes what Postgres rebuilds by itself, from a cluster at rest: the relation cache files, which
 * the next start discards anyway and every clone would pay for on disk.
 */
export async function removeRebuildableCaches(dataDirectory: string): Promise<void> {
  using directory = DataDirectory.open(dataDirectory);
  const databases = (await directory.list('base')).map((database) => `base/${database}`);
  for (const place of ['global', ...databases]) await directory.remove(`${place}/pg_internal.init`);
}
