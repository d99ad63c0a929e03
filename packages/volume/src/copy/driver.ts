import { mkdir } from 'node:fs/promises';
import { syncTree } from '../trees/sync-tree.ts';
import type { TreeDriver } from '../tree-driver.ts';
import type { TreeWorkers } from '../trees/tree-workers.ts';
import { cloneByCopy } from './clone.ts';

/** Each tree is a directory and a clone is a full copy: works on every file system, cheap on none. */
export function copyDriver(workers: TreeWorkers): TreeDriver {
  return {
    name: 'copy',
    copyOnWrite: false,
    atomicWhileRunning: false,
    removesAtOnce: false,

    async create(path) {
      await mkdir(path, { mode: 0o700 });
    },

    clone: (request) => cloneByCopy(request, workers),

    async remove(path, signal) {
      await workers.run({ kind: 'remove', path }, signal);
    },

    sync: (path, signal) => syncTree(path, workers, signal),
  };
}
