import { chmod, lstat } from 'node:fs/promises';
import { hasErrorCode } from '@pgfleet/kit';
import { runCommand, syncTimeoutMs } from '../command.ts';
import type { TreeDriver } from '../tree-driver.ts';
import type { TreeWorkers } from '../trees/tree-workers.ts';
import { cloneBySnapshot } from './clone.ts';

// BTRFS_FIRST_FREE_OBJECTID: the inode number of every subvolume's top directory.
const subvolumeInode = 256;

/** Each tree is a btrfs subvolume: clones in constant time, also while the source is written. */
export function btrfsDriver(workers: TreeWorkers): TreeDriver {
  const removeByWalk = async (path: string, signal?: AbortSignal) => {
    await workers.run({ kind: 'remove', path }, signal);
  };

  return {
    name: 'btrfs',
    copyOnWrite: true,
    atomicWhileRunning: true,
    removesAtOnce: true,

    async create(path) {
      await runCommand('btrfs', ['subvolume', 'create', path]);
      await chmod(path, 0o700);
    },

    clone: (request) => cloneBySnapshot(request, workers),

    async remove(path, signal) {
      const { ino } = await lstat(path);
      if (ino !== subvolumeInode) return removeByWalk(path, signal);
      try {
        await runCommand('btrfs', ['subvolume', 'delete', path]);
      } catch (error) {
        // Without the mount option user_subvol_rm_allowed only root may delete one at once, and
        // nobody one in which the owner of the tree has made further subvolumes.
        if (!hasErrorCode(error, 'EPERM', 'ENOTEMPTY')) throw error;
        await removeByWalk(path, signal);
      }
    },

    async sync(path, signal) {
      // Unlike syncfs(2), this one also wakes the thread that frees the space of deleted subvolumes.
      const args = ['filesystem', 'sync', path];
      await runCommand('btrfs', args, { signal, timeoutMs: syncTimeoutMs });
    },
  };
}
