/**
 * The file systems that a volume puts on an image, with the tools and options they need. All are
 * mounted with noatime: reads must not write.
 */
export const imageFormats = {
  xfs: {
    driver: 'reflink',
    fileName: 'volume.xfs',
    mkfs: ['mkfs.xfs', '-q', '-m', 'reflink=1'],
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
    mkfs: ['mkfs.btrfs', '-q', '-m', 'single'],
    package: 'btrfs-progs',
    minBytes: 128 * 2 ** 20,
    // Gathers what is freed and discards it slowly in the background; see btrfs(5).
    mountOptions: 'noatime,discard=async',
    returnsSpaceItself: true,
  },
} as const;

/** A file system that can stand on an image. */
export type ImageFormat = keyof typeof imageFormats;
