import type { TimelineId } from '@pgfleet/contract';

const PREFIX = 'old-';

/** Where the tree of a copy that was never opened lies while another one is made in its place. */
export function formerTree(timelineId: TimelineId): string {
  return `${PREFIX}${timelineId}`;
}

/** Whose former tree a tree is; `undefined` when it is none. */
export function formerOwner(tree: string): TimelineId | undefined {
  return tree.startsWith(PREFIX) ? (tree.slice(PREFIX.length) as TimelineId) : undefined;
}
