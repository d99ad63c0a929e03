import { hasChanged, TreeDirectory } from './tree-directory.js';

/**
 * Visits everything under the top of a tree, a directory after what is in it. What vanishes or turns
 * into something else while it is looked at is left out: a running Postgres deletes files.
 *
 * @param {string} path
 * @param {import('./tree-jobs.js').Checkpoint} checkpoint
 * @param {(directory: TreeDirectory, entry: import('./tree-directory.js').Entry) => void} visit
 */
export function walkTree(path, checkpoint, visit) {
  /** @param {TreeDirectory} directory */
  const visitEntries = (directory) => {
    for (const entry of directory.entries()) {
      checkpoint();
      try {
        if (entry.isDirectory()) directory.withDirectory(entry.name, visitEntries);
        visit(directory, entry);
      } catch (error) {
        if (!hasChanged(error)) throw error;
      }
    }
  };
  TreeDirectory.with(path, visitEntries);
}
