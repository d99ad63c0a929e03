import { fstatSync } from 'node:fs';
import { shareBlocks, shareRange } from './file-calls.js';

// What is shared in one step. Nobody reads or writes the source meanwhile, and nothing ends the
// step: this much has 4,000 extents at most, which take some tens of milliseconds.
export const stepBytes = 1 << 23;
// A source may become shorter after a look at its length, which then reaches too far. One that does so
// again and again is no file of Postgres.
const maxMisses = 100;

/**
 * @typedef {import('./tree-jobs.js').Checkpoint} Checkpoint
 * @typedef {import('./tree-directory.js').OpenFile} OpenFile
 */

/**
 * Makes an empty file share the blocks of another, step by step if it is large. One that is written
 * to meanwhile is seen at as many moments, just as by a program that reads it; when it grows or
 * shrinks the target has one of its sizes.
 *
 * @param {OpenFile} source
 * @param {number} target
 * @param {Checkpoint} checkpoint
 */
export function shareFile({ fd, stat }, target, checkpoint) {
  if (stat.size <= stepBytes) {
    shareBlocks(fd, target);
    return;
  }
  let misses = 0;
  for (let at = 0; at < stat.size; ) {
    checkpoint();
    const left = fstatSync(fd).size - at;
    if (left <= 0) return;
    try {
      shareRange(fd, target, { at, length: left > stepBytes ? stepBytes : 0 });
      at += stepBytes;
    } catch (error) {
      const isMiss = /** @type {NodeJS.ErrnoException} */ (error).code === 'EINVAL';
      if (!isMiss || ++misses > maxMisses) throw error;
    }
  }
}
