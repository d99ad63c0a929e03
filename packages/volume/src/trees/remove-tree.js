import { randomBytes } from 'node:crypto';
import { renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { TreeDirectory } from './tree-directory.js';

// Who still runs in a tree may swap entries while they are removed, which the next sweep makes up
// for, and may add to it for ever, which it has to be ended for.
const maxSweeps = 200;
// What an entry that is no longer what its directory said, or has been added to, answers with.
const changes = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EPERM', 'ENOTEMPTY', 'EEXIST']);

/** @typedef {import('./tree-jobs.js').Checkpoint} Checkpoint */

/**
 * Removes a tree; one that does not exist is no error.
 *
 * @param {import('./tree-jobs.js').RemoveJob} job
 * @param {Checkpoint} checkpoint
 */
export function removeTree({ path }, checkpoint) {
  try {
    for (let sweepsLeft = maxSweeps; sweepsLeft > 0; sweepsLeft -= 1) {
      TreeDirectory.with(path, (tree) => emptyDirectory(tree, checkpoint));
      if (removeIfEmpty(path, { isLast: sweepsLeft === 1 })) return;
    }
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
  }
}

/**
 * A directory does not list an entry that is being swapped for another one, so one that seemed empty
 * may not be.
 *
 * @param {string} path
 * @param {{ readonly isLast: boolean }} attempt
 */
function removeIfEmpty(path, { isLast }) {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    const { code = '' } = /** @type {NodeJS.ErrnoException} */ (error);
    if (isLast || !['ENOTEMPTY', 'EEXIST'].includes(code)) throw error;
    return false;
  }
}

/**
 * Removes what is at the top of a tree under these names; directories stay, empty.
 *
 * @param {import('./tree-jobs.js').ClearJob} job
 * @param {Checkpoint} checkpoint
 */
export function clearEntries({ path, names }, checkpoint) {
  TreeDirectory.with(path, (tree) => {
    for (const entry of tree.entries()) {
      if (!names.includes(entry.name)) continue;
      if (!entry.isDirectory()) unlinkSync(tree.at(entry.name));
      else tree.withDirectory(entry.name, (child) => emptyDirectory(child, checkpoint));
    }
  });
}

/**
 * Removes whatever is in a directory, however deep, without following anything: a tenant that could
 * build what cannot be deleted would keep its space for ever. What lies deeper than a walk goes is
 * moved to the top, for the next sweep.
 *
 * @param {TreeDirectory} top
 * @param {Checkpoint} checkpoint
 */
function emptyDirectory(top, checkpoint) {
  let sweepsLeft = maxSweeps;
  /** @type {unknown} */
  let failure;

  /** @param {TreeDirectory} directory */
  const removeEntries = (directory) => {
    for (const entry of directory.entries()) {
      checkpoint();
      try {
        removeEntry(directory, entry);
      } catch (error) {
        if (!changes.has(/** @type {NodeJS.ErrnoException} */ (error).code ?? '')) throw error;
        failure = error;
      }
    }
  };
  /** @param {TreeDirectory} directory @param {import('./tree-directory.js').Entry} entry */
  const removeEntry = (directory, entry) => {
    const path = directory.at(entry.name);
    if (!entry.isDirectory()) return unlinkSync(path);
    if (directory.isDeepest) {
      renameSync(path, top.at(`deep.${randomBytes(6).toString('hex')}`));
      sweepsLeft = maxSweeps;
      return;
    }
    directory.withDirectory(entry.name, removeEntries);
    rmdirSync(path);
  };

  for (; top.entries().length > 0; sweepsLeft -= 1) {
    if (sweepsLeft === 0) throw failure;
    removeEntries(top);
  }
}
