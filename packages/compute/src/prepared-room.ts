import { readControlFile, wasCleanShutdown } from './control-file.ts';
import { DataDirectory } from './data-directory.ts';

/**
 * The `max_prepared_transactions` without which a cluster at rest may not start: a start that finds more
 * prepared transactions than it has room for ends there. 0 when it has none. Those of a clean stop are
 * files, see twophase.c of Postgres; how many there are in the WAL behind another end nobody knows, but
 * they had room.
 */
export async function preparedRoom(dataDirectory: string): Promise<number> {
  if (wasCleanShutdown(dataDirectory)) {
    using files = DataDirectory.open(dataDirectory);
    if ((await files.list('pg_twophase')).length === 0) return 0;
  }
  return readControlFile(dataDirectory).maxPreparedTransactions;
}
