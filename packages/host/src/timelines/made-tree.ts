import type { TimelineId, TimelineReady, TimelineSpec } from '@pgfleet/contract';
import type { FileLock } from '@pgfleet/kit';
import type { PendingRecovery, TemplateBeginning } from './timeline-record.ts';

/** What the making of a timeline's tree left to note in its record. */
export interface MadeTree {
  readonly uid: number | null;
  /** `cloud_admin`'s possible secrets in it. */
  readonly inheritedSecrets: readonly string[];
  /** Whether the specification is inside already, `cloud_admin`'s own secret included. */
  readonly specApplied: boolean;
  readonly origin: TimelineReady['origin'];
  readonly beginning?: TemplateBeginning;
  /** What is left to its first launch. */
  readonly pending?: PendingRecovery;
}

export interface TreeOrder {
  readonly spec: TimelineSpec;
  /** `cloud_admin`'s secret in the new timeline. */
  readonly ownSecret: string;
  /** The user of the project, if it has one already. */
  readonly projectUid: number | undefined;
  /** Whether anybody may want to go back in it. */
  readonly keepsHistory: boolean;
  /** The timeline that it is to follow, instead of going on by itself. */
  readonly follows?: TimelineId | undefined;
  /** The held lock of the new timeline. */
  readonly lock: FileLock;
  /** The one point of history that a recovery is to begin at, instead of the best. */
  readonly from?: string | undefined;
  /** Nothing is to be left to the first launch. */
  readonly isWhole?: boolean;
  /** Nobody waits for it: it takes no place of those for whom somebody does. */
  readonly isBehind?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** How a tree is made again whose recovery was left to a launch. */
export interface RemakeOptions extends Pick<TreeOrder, 'isBehind'> {
  readonly isWhole: boolean;
  readonly signal: AbortSignal;
}

/** What of an order is said for that; the rest is known. */
export type RemakeOrder = Pick<TreeOrder, 'spec' | 'isWhole' | 'isBehind' | 'lock' | 'signal'>;

/** Makes the durable tree of a new timeline, whose lock the caller holds. */
export type MakeTree = (order: TreeOrder) => Promise<MadeTree>;

/** A tree whose recovery was left to its first launch. */
export interface PendingTree extends Pick<MadeTree, 'uid' | 'inheritedSecrets' | 'origin'> {
  readonly pending: PendingRecovery;
}

/**
 * Makes such a tree again. What it was is there until then, and afterwards as its former tree, which
 * the caller removes.
 */
export type RemakeTree = (order: TreeOrder, pending: PendingTree) => Promise<MadeTree>;
