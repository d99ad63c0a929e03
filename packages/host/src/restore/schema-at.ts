import { AdminConnection } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { SchemaRequest, SchemaResponse, TimelineId } from '@pgfleet/contract';
import { hasErrorCode } from '@pgfleet/kit';
import { ownerOf } from '../timelines/owner.ts';
import type { CopyParts } from './copy-parts.ts';
import { dumpOfCopy, withCopyToDump } from './dump-of-copy.ts';
import { readTables } from './read-tables.ts';

interface SchemaOptions extends SchemaRequest {
  readonly signal: AbortSignal;
}

const INVALID_CATALOG_NAME = '3D000';

/**
 * Writes down the definitions of a database's objects as of a point.
 *
 * @throws PgfleetError `database_not_found`, `point_not_available`, `too_many_requests`; ComputeError
 * `pg_dump_missing`; the reason of the signal.
 */
export async function schemaAt(
  parts: CopyParts,
  timelineId: TimelineId,
  { database, at, format = 'sql', signal }: SchemaOptions,
): Promise<SchemaResponse> {
  const { uid } = parts.timelines.ready(timelineId);
  return withCopyToDump(parts, { timelineId, at, signal }, async ({ socketDirectory, secrets }) => {
    const login = { socketDirectory, secrets, database, signal };
    try {
      if (format === 'sql') return { sql: await dumpOfCopy(parts, { ...login, ...ownerOf(uid) }) };
      await using connection = await AdminConnection.open(login);
      return { json: await readTables(connection) };
    } catch (error) {
      if (!hasErrorCode(error, INVALID_CATALOG_NAME)) throw error;
      throw new PgfleetError('database_not_found', { cause: error });
    }
  });
}
