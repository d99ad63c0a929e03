import { syncTree } from '../trees/sync-tree.ts';
import type { ClonedContent } from '../volume.ts';
import type { CloneRequest } from '../tree-driver.ts';
import type { TreeWorkers } from '../trees/tree-workers.ts';

/**
 * Copies a tree and writes it out: the data of new files is written long after a rename is
 * journalled, so without the sync a power loss could leave a complete tree of empty files.
 */
export async function cloneByCopy(
  { source, target, owner, inUse, exclude, signal }: CloneRequest,
  workers: TreeWorkers,
): Promise<ClonedContent> {
  const cloned = await workers.run(
    { kind: 'clone', by: 'copy', source, target, inUse, exclude, ...(owner && { owner }) },
    signal,
  );
  await syncTree(target, workers, signal);
  return cloned;
}
