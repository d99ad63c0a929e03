import type { Volume } from '@pgfleet/volume';
import type { PointContent } from '../history/history-record.ts';

/** Counts the regular files of a tree, which takes a walk over it. */
export async function measureContent(volume: Volume, tree: string): Promise<PointContent> {
  const { files, apparentBytes } = await volume.treeUsage(tree);
  return { files, bytes: apparentBytes };
}
