import type { ClonedContent, Defragmentation, DriverName, Owner } from './volume.ts';

/** What a driver is asked to clone: paths on one file system, `target` not existing yet. */
export interface CloneRequest {
  readonly source: string;
  readonly target: string;
  readonly owner?: Owner | undefined;
  readonly inUse: boolean;
  /** Names at the top of the tree: directories are cloned without content, all else not at all. */
  readonly exclude: readonly string[];
  readonly signal: AbortSignal;
}

/** What a driver is asked to rewrite; `scratch` is a directory for files without a name. */
export interface DefragmentRequest {
  readonly path: string;
  readonly scratch: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * The part of a volume that differs between file systems. Works on paths; names, publication by
 * rename and the removal of what a failed call leaves behind are the volume's.
 */
export interface TreeDriver {
  readonly name: DriverName;
  readonly copyOnWrite: boolean;
  readonly atomicWhileRunning: boolean;
  /** Whether a crash in the middle of `remove` leaves all of a tree or nothing. */
  readonly removesAtOnce: boolean;
  create(path: string): Promise<void>;
  /** Resolves when a rename of `target` that survives a power loss implies that all of it does. */
  clone(request: CloneRequest): Promise<ClonedContent | undefined>;
  /** What an abort leaves of a tree can be removed later. */
  remove(path: string, signal?: AbortSignal): Promise<void>;
  sync(path: string, signal: AbortSignal): Promise<void>;
  /** Left out by drivers whose clones cost the same however scattered a tree is. */
  readonly defragment?: (request: DefragmentRequest) => Promise<Defragmentation>;
}

/** Whether a driver works in a directory as it is, and if not, why. */
export type Finding =
  | { readonly works: true; readonly reason: string }
  | { readonly works: false; readonly reason: string };
