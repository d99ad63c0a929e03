import type { ClonedContent } from '../volume.ts';
import type { CloneRequest } from '../tree-driver.ts';
import type { TreeWorkers } from '../trees/tree-workers.ts';

// Two threads in different files of one directory get in each other's way little, more do. What is
// in use is walked by one: two would not see the same entries.
const PARTS_AT_REST = 2;

/**
 * Clones every file of a tree. Needs no sync of its own: the kernel writes a source's dirty pages
 * out before it shares their extents, and the sizes and extents are journalled ahead of the rename.
 */
export async function cloneByReflink(
  { source, target, owner, inUse, exclude, signal }: CloneRequest,
  workers: TreeWorkers,
): Promise<ClonedContent> {
  const parts = inUse ? 1 : PARTS_AT_REST;
  const job = { kind: 'clone', by: 'reflink', source, target, inUse, exclude } as const;
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const work = Array.from({ length: parts }, async (_, part) => {
    try {
      return await workers.run({ ...job, ...(owner && { owner }), part, parts }, either);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  // Whoever removes what a failure leaves must not meet a part that goes on.
  await Promise.allSettled(work);
  const cloned = await Promise.all(work);
  return {
    files: cloned.reduce((sum, { files }) => sum + files, 0),
    bytes: cloned.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
