/** The drivers, from the fastest clone to the one that always works. */
export const driverNames = ['btrfs', 'reflink', 'copy'] as const;

/** How a volume clones a tree: by snapshot, by sharing file extents, or by copying bytes. */
export type DriverName = (typeof driverNames)[number];

/** A numeric user and group. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface CreateOptions {
  /** Owner of the new directory; the calling process when left out. */
  readonly owner?: Owner;
}

export interface CloneOptions {
  /** New owner of everything in the clone; the source's owners are kept when left out. */
  readonly owner?: Owner;
  /**
   * The source is being written, and the caller makes up for what a walk over changing files gets
   * wrong (as the low-level backup API of Postgres does): files that vanish are left out. Without
   * meaning for a volume that is `atomicWhileRunning`.
   */
  readonly inUse?: boolean;
  /**
   * Names at the top of the tree that the clone does without: a directory is there but empty, a file
   * is not. Paths further down cannot be named.
   */
  readonly exclude?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface UsageOptions {
  /**
   * Where less is free, the space of removed trees is waited for first, but no more than half a minute.
   */
  readonly wantedBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Space of the whole volume. */
export interface VolumeUsage {
  readonly totalBytes: number;
  /** What can still be written; never more than the machine's disk under an image really has. */
  readonly freeBytes: number;
}

/** Space of one tree. Blocks shared with clones count in full for each tree that has them. */
export interface TreeUsage {
  readonly files: number;
  readonly apparentBytes: number;
  readonly allocatedBytes: number;
}

/** Regular files that a clone consists of. */
export interface ClonedContent {
  readonly files: number;
  readonly bytes: number;
}

/** A tree that was cloned. */
export interface Clone {
  readonly path: string;
  /** Left out where the clone did not have to look at its files. */
  readonly content: ClonedContent | undefined;
}

/** What a defragmentation found and did. */
export interface Defragmentation {
  /** Extents of the tree's larger files beforehand: what a clone's time grows with. */
  readonly extents: number;
  /** Written, and from now on not shared with other trees. */
  readonly rewrittenBytes: number;
  /** Still worth rewriting, but for `maxBytes`. */
  readonly scatteredBytes: number;
}

export interface DefragmentOptions {
  /** What may be written; the most scattered parts come first. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

/**
 * A copy-on-write store of directory trees in one flat namespace.
 *
 * A tree is a directory that belongs to the caller; its name is 1 to 80 characters of `[a-z0-9-]`
 * and does not begin with a hyphen. Every method that names a tree throws a `VolumeError` with
 * code `bad_tree_name` otherwise. A tree that exists is complete: `create` and `clone` build under
 * another name and rename, so neither a crash nor a power loss leaves half a tree behind.
 *
 * The process that opened a volume is the only one that may change its namespace. What is written
 * inside a tree is up to whoever owns the tree.
 *
 * Disposing cancels running clones, waits for running removals, and for a volume on an image
 * unmounts it and lets its loop device go; it throws `busy` when a process still uses the mount.
 */
export interface Volume extends AsyncDisposable {
  readonly driver: DriverName;
  /** The directory that holds the volume; a mount point when the volume lives on an image. */
  readonly root: string;
  /** Whether a clone shares its blocks with its source. */
  readonly copyOnWrite: boolean;
  /**
   * Whether `clone` of a tree that is being written gives what a power loss at that moment could
   * have left: all that was synced, in that order, and any part of what was not.
   */
  readonly atomicWhileRunning: boolean;

  /** Returns where a tree is, or would be. */
  path(tree: string): string;
  exists(tree: string): Promise<boolean>;
  list(): Promise<readonly string[]>;

  /**
   * Creates an empty tree (mode 0700) and returns its path.
   *
   * @throws VolumeError `tree_exists`, `no_space`.
   */
  create(tree: string, options?: CreateOptions): Promise<string>;

  /**
   * Makes `to` a clone of `from`. Unless the volume is `atomicWhileRunning` or
   * the clone is said to be of a tree `inUse`, nobody may write to `from` meanwhile. Modes, symbolic
   * links and contents are kept; times, hard links between files, sockets and pipes are not.
   *
   * Whoever owns the tree may be hostile: what it does to `from` meanwhile, such as to swap a
   * directory for a symbolic link, never brings anything into the clone that is not in `from`. (On
   * Linux. Where there is no /proc, which is said in the log when the volume is opened, only links
   * that are there when they are looked at are refused.) The same holds for `remove` and `treeUsage`.
   *
   * @throws VolumeError `tree_missing`, `tree_exists`, `no_space`; TypeError when `exclude` names
   * more than an entry at the top; the signal's reason.
   */
  clone(from: string, to: string, options?: CloneOptions): Promise<Clone>;

  /** @throws VolumeError `tree_missing`, `tree_exists`. */
  rename(from: string, to: string): Promise<void>;

  /**
   * Removes a tree; one that does not exist is no error. The name is free at once. The space comes
   * back behind it, one tree after the other; on a volume that is nearly full it is waited for, and so
   * it is by whoever finds too little room for a new tree. A tree that cannot be taken apart is tried
   * again and again. btrfs gives space back half a minute later or after a `sync`.
   */
  remove(tree: string): Promise<void>;

  /**
   * Resolves when everything in the tree, and the names that lead to it, would survive a power
   * loss. Costs as much as the whole volume has unwritten.
   *
   * @throws VolumeError `tree_missing`.
   */
  sync(tree: string, options?: { readonly signal?: AbortSignal }): Promise<void>;

  /** Says how much space there is. @throws the signal's reason. */
  usage(options?: UsageOptions): Promise<VolumeUsage>;

  /** Walks a tree: milliseconds per thousand files. @throws VolumeError `tree_missing`. */
  treeUsage(tree: string): Promise<TreeUsage>;

  /**
   * Makes a tree cheap to clone again, where overwriting pages of a clone has scattered its files
   * and clones take longer for it; does nothing where they do not. Writes at most 16 bytes for each
   * byte that was overwritten in pages of 8 KiB, and at most `maxBytes`. What is rewritten once takes
   * as many writes again to be worth it again, but in this tree: its source is as scattered as it was,
   * and so are the next clones of that.
   *
   * Contents never change: the tree may be read, cloned and written meanwhile, and what a crash or
   * `signal` leaves is a tree that is partly done. One tree is worked on at a time.
   *
   * @throws VolumeError `tree_missing`, `no_space`; the signal's reason.
   */
  defragment(tree: string, options: DefragmentOptions): Promise<Defragmentation>;

  /**
   * Returns freed blocks of an XFS image to the machine's disk, in pieces small enough for commits
   * to go on in between: cheap enough for every hour, at any load. Does nothing for a volume without
   * an image, or on one with btrfs, which does this by itself a few minutes later.
   */
  trim(): Promise<void>;
}
