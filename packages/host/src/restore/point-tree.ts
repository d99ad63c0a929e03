import type { TimelineId } from '@pgfleet/contract';
import { randomText } from '@pgfleet/kit';

const SUFFIX_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';

/** A new name of a tree for a point: whose it is is found by it if a crash left no record. */
export function newPointTree(timelineId: TimelineId): string {
  return `${pointTreePrefix(timelineId)}${randomText(8, SUFFIX_ALPHABET)}`;
}

/** How the names of all trees of a timeline's own points begin. */
export function pointTreePrefix(timelineId: TimelineId): string {
  return `pt-${timelineId.replace(/^tl-/, '')}-`;
}

/** Whose point a tree is; others may have borrowed it, and outlive the owner. */
export function pointOwner(tree: string): TimelineId {
  return tree.slice(0, tree.lastIndexOf('-')).replace(/^pt-/, 'tl-') as TimelineId;
}

/** Whether a tree is a point of some timeline, and not a template. */
export function isPointTree(tree: string): boolean {
  return tree.startsWith('pt-');
}
