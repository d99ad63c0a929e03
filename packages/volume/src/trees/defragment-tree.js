import { closeSync, constants, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { callsLinux, eachExtent, replaceByEqual } from './file-calls.js';
import { walkTree } from './walk-tree.js';

// What is rewritten at once. Smaller ones would reach more extents for each byte, but the two ends
// of each are extents themselves.
const windowBytes = 1 << 18;
// Fewer than these in a window are not worth its bytes.
const minExtents = 4;
// Written out together so that they lie together, and so few that other writers are not held up.
const batchWindows = 64;
// A file without a name, of linux/fcntl.h: gone with its descriptor, whatever is killed.
const scratchFlags = 0o20000000 | constants.O_DIRECTORY | constants.O_RDWR;

/**
 * @typedef {import('./tree-jobs.js').DefragmentJob} DefragmentJob
 * @typedef {import('./tree-jobs.js').Checkpoint} Checkpoint
 * @typedef {import('./tree-directory.js').OpenFile} OpenFile
 * @typedef {{ readonly at: number, readonly extents: number }} Window
 */

/**
 * Rewrites the most scattered windows of the files of a tree: copies them to where they get blocks
 * in a row, and has the system replace the blocks in the tree by those.
 *
 * @param {DefragmentJob} job
 * @param {Checkpoint} checkpoint
 * @returns {import('./tree-jobs.js').Defragmentation}
 */
export function defragmentTree({ path, scratch, maxBytes }, checkpoint) {
  const { extents, scatteredBytes, threshold } = survey({ path, maxBytes }, checkpoint);
  let rewrittenBytes = 0;
  eachLargeFile(path, checkpoint, (file) => {
    const left = Math.floor((maxBytes - rewrittenBytes) / windowBytes);
    const windows = windowsOf(file).filter((window) => window.extents >= threshold);
    for (const batch of batches(windows.slice(0, left))) {
      rewrittenBytes += rewrite(file.fd, batch, { scratch, checkpoint });
    }
  });
  return { extents, rewrittenBytes, scatteredBytes: Math.max(0, scatteredBytes - rewrittenBytes) };
}

/**
 * Counts, and finds how scattered a window must be for all such windows to use up `maxBytes`.
 *
 * @param {{ readonly path: string, readonly maxBytes: number }} limits
 * @param {Checkpoint} checkpoint
 */
function survey({ path, maxBytes }, checkpoint) {
  /** @type {number[]} How many windows have that many extents. */
  const histogram = [];
  let extents = 0;
  eachLargeFile(path, checkpoint, (file) => {
    for (const window of windowsOf(file)) {
      extents += window.extents;
      histogram[window.extents] = (histogram[window.extents] ?? 0) + 1;
    }
  });
  let scatteredBytes = 0;
  let threshold = minExtents;
  for (let count = histogram.length - 1; count >= minExtents; count--) {
    if (scatteredBytes >= maxBytes && threshold === minExtents) threshold = count + 1;
    scatteredBytes += (histogram[count] ?? 0) * windowBytes;
  }
  return { extents, scatteredBytes, threshold };
}

/** @param {string} path @param {Checkpoint} checkpoint @param {(file: OpenFile) => void} visit */
function eachLargeFile(path, checkpoint, visit) {
  if (!callsLinux) return;
  walkTree(path, checkpoint, (directory, { name }) => {
    directory.withFile(name, (file) => {
      if (file.stat.size >= windowBytes) visit(file);
    });
  });
}

/** The whole windows of a file that have extents, in order. @param {OpenFile} file @returns {Window[]} */
function windowsOf({ fd, stat }) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  eachExtent(fd, (at) => {
    const window = Math.floor(at / windowBytes);
    counts.set(window, (counts.get(window) ?? 0) + 1);
  });
  const windows = [...counts].map(([window, extents]) => ({ at: window * windowBytes, extents }));
  return windows.filter(({ at }) => at + windowBytes <= stat.size);
}

/** @param {readonly Window[]} windows */
function* batches(windows) {
  for (let start = 0; start < windows.length; start += batchWindows) {
    yield windows.slice(start, start + batchWindows);
  }
}

/**
 * @param {number} fd
 * @param {readonly Window[]} windows
 * @param {{ readonly scratch: string, readonly checkpoint: Checkpoint }} options
 * @returns {number} The bytes that were rewritten.
 */
function rewrite(fd, windows, { scratch, checkpoint }) {
  const copy = openSync(scratch, scratchFlags, 0o600);
  try {
    const buffer = Buffer.allocUnsafe(windowBytes);
    for (const [index, { at }] of windows.entries()) {
      checkpoint();
      readSync(fd, buffer, 0, windowBytes, at);
      writeSync(copy, buffer, 0, windowBytes, index * windowBytes);
    }
    // The blocks must be where they are said to be before a tree's file points to them.
    fdatasyncSync(copy);
    let rewrittenBytes = 0;
    for (const [index, { at }] of windows.entries()) {
      checkpoint();
      const source = { fd: copy, at: index * windowBytes };
      if (replaceByEqual(source, { fd, at }, windowBytes)) rewrittenBytes += windowBytes;
    }
    return rewrittenBytes;
  } finally {
    closeSync(copy);
  }
}
