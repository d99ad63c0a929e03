// Of mkfs.xfs, on a single device.
const USUAL_ALLOCATION_GROUPS = 4;
const MAX_ALLOCATION_GROUPS = 32;

/**
 * The file systems that a volume puts on an image, with the tools and options they need. All are
 * mounted with noatime: reads must not write.
 */
export const imageFormats = {
  xfs: {
    driver: 'reflink',
    fileName: 'volume.xfs',
    mkfs: 'mkfs.xfs',
    mkfsOptions: (bytes: number) => ['-q', '-m', 'reflink=1', ...allocationGroups(bytes)],
    package: 'xfsprogs',
    // mkfs.xfs refuses less.
    minBytes: 300 * 2 ** 20,
    // No `discard`: to free the many small extents of a clone one by one would stall writers on the
    // file below; `Volume.trim` returns them in bulk.
    mountOptions: 'noatime',
    returnsSpaceItself: false,
  },
  btrfs: {
    driver: 'btrfs',
    fileName: 'volume.btrfs',
    // Two copies of the metadata in one file would only double its writes.
    mkfs: 'mkfs.btrfs',
    mkfsOptions: () => ['-q', '-m', 'single'],
    package: 'btrfs-progs',
    minBytes: 128 * 2 ** 20,
    // Gathers what is freed and discards it slowly in the background; see btrfs(5).
    mountOptions: 'noatime,discard=async',
    returnsSpaceItself: true,
  },
} as const;

/**
 * Each allocation group keeps its own tree of shared blocks, which every extent of a clone is looked up
 * in: with 32 instead of the usual 4, a clone of 140,000 extents took 2.3 s instead of 4.2 s. A group
 * of a gigabyte holds the log as well.
 */
function allocationGroups(bytes: number): readonly string[] {
  const count = Math.min(MAX_ALLOCATION_GROUPS, Math.floor(bytes / 2 ** 30));
  return count > USUAL_ALLOCATION_GROUPS ? ['-d', `agcount=${count}`] : [];
}

/** A file system that can stand on an image. */
export type ImageFormat = keyof typeof imageFormats;
