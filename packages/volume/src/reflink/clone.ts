import type { CloneRequest } from '../tree-driver.ts';
import type { TreeWorkers } from '../trees/tree-workers.ts';

/**
 * Clones every file of a tree. Needs no sync of its own: the kernel writes a source's dirty pages
 * out before it shares their extents, and the sizes and extents are journalled ahead of the rename.
 */
export async function cloneByReflink(
  { source, target, owner, inUse, exclude, signal }: CloneRequest,
  workers: TreeWorkers,
): Promise<void> {
  await workers.run(
    { kind: 'clone', by: 'reflink', source, target, inUse, exclude, ...(owner && { owner }) },
    signal,
  );
}
