import type { WalCount } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { validRestMark } from '../timelines/last-words.ts';
import type { RestParts } from '../timelines/last-words.ts';

/**
 * What a timeline at rest had written when it was stopped; `undefined` when that is not known, for
 * example after a crash.
 */
export async function restedWal(
  parts: Pick<RestParts, 'timelines' | 'histories'>,
  timelineId: TimelineId,
): Promise<WalCount | undefined> {
  const { timelines } = parts;
  if (!timelines.isReady(timelineId) || timelines.isPending(timelineId)) return undefined;
  return (await validRestMark(parts, timelineId))?.wal;
}
