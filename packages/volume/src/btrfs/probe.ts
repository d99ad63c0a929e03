import { statfs } from 'node:fs/promises';
import { missingCommands } from '../command.ts';
import type { Finding } from '../tree-driver.ts';

// BTRFS_SUPER_MAGIC of linux/magic.h
const btrfsMagic = 0x9123683e;

/** Says whether a directory is on btrfs and the tool to handle subvolumes is there. */
export async function probeBtrfs(directory: string): Promise<Finding> {
  const { type } = await statfs(directory);
  if (process.platform !== 'linux' || type !== btrfsMagic) {
    return { works: false, reason: 'the directory is not on btrfs' };
  }
  const [missing] = await missingCommands('btrfs');
  if (missing) return { works: false, reason: 'the btrfs command is missing (btrfs-progs)' };
  return { works: true, reason: 'the directory is on btrfs' };
}
