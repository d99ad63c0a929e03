import { isDeepStrictEqual } from 'node:util';
import { markHead, readContent } from '@pgfleet/compute';
import type { AdminConnection, Head } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { CopyParts } from './copy-parts.ts';

/**
 * Marks the head of a running timeline, and keeps in mind what a copy of it will be like: unless roles
 * or databases were changing, so that nobody can say.
 */
export async function markKnownHead(
  { knownHeads }: Pick<CopyParts, 'knownHeads'>,
  timelineId: TimelineId,
  connection: AdminConnection,
): Promise<Head> {
  const content = await readContent(connection);
  const head = await markHead(connection);
  const isSame = isDeepStrictEqual(await readContent(connection), content);
  if (isSame) knownHeads.note(timelineId, { lsn: head.lsn, at: head.at, content });
  return head;
}
