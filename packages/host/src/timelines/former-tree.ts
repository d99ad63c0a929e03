import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TimelineId } from '@pgfleet/contract';
import type { Volume } from '@pgfleet/volume';

const PREFIX = 'old-';

/** Where the tree of a copy that was never opened lies while another one is made in its place. */
export function formerTree(timelineId: TimelineId): string {
  return `${PREFIX}${timelineId}`;
}

/** Whose former tree a tree is; `undefined` when it is none. */
export function formerOwner(tree: string): TimelineId | undefined {
  return tree.startsWith(PREFIX) ? (tree.slice(PREFIX.length) as TimelineId) : undefined;
}

/** Whether no Postgres has begun to recover a copy, and nobody to make it again. */
export async function isUntouched(volume: Volume, timelineId: TimelineId): Promise<boolean> {
  if (await volume.exists(formerTree(timelineId))) return false;
  const path = volume.path(timelineId);
  return existsSync(path) && !existsSync(join(path, 'postmaster.opts'));
}
