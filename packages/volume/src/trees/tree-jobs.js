// The walks over a tree, each as one synchronous run: with the file system calls made straight from
// a worker thread a clone costs what it costs over libuv's thread pool, and the event loop
// is not involved. Plain JavaScript because a worker is loaded by Node itself, without the
// transformation that makes TypeScript sources importable in development.

import { fsyncSync, lchownSync, lstatSync } from 'node:fs';
import { cloneTree } from './clone-tree.js';
import { defragmentTree } from './defragment-tree.js';
import { clearEntries, removeTree } from './remove-tree.js';
import { TreeDirectory } from './tree-directory.js';
import { walkTree } from './walk-tree.js';

/**
 * @typedef {{ readonly uid: number, readonly gid: number }} Owner
 * @typedef {{ kind: 'clone', source: string, target: string, by: 'reflink' | 'copy', owner?: Owner, inUse?: boolean, exclude?: readonly string[], part?: number, parts?: number }} CloneJob
 * @typedef {{ kind: 'chown', path: string, owner: Owner }} ChownJob
 * @typedef {{ kind: 'clear', path: string, names: readonly string[] }} ClearJob
 * @typedef {{ kind: 'remove', path: string }} RemoveJob
 * @typedef {{ kind: 'sync', path: string }} SyncJob
 * @typedef {{ kind: 'measure', path: string }} MeasureJob
 * @typedef {{ kind: 'defragment', path: string, scratch: string, maxBytes: number }} DefragmentJob
 * @typedef {CloneJob | ChownJob | ClearJob | RemoveJob | SyncJob | MeasureJob | DefragmentJob} TreeJob
 * @typedef {{ readonly files: number, readonly apparentBytes: number, readonly allocatedBytes: number }} TreeSize
 * @typedef {{ readonly extents: number, readonly rewrittenBytes: number, readonly scatteredBytes: number }} Defragmentation
 * @typedef {{ readonly files: number, readonly bytes: number }} ClonedFiles
 * @typedef {{ clone: ClonedFiles, measure: TreeSize, defragment: Defragmentation } & { [kind in Exclude<TreeJob['kind'], 'clone' | 'measure' | 'defragment'>]: undefined }} TreeResults
 * @typedef {() => void} Checkpoint Throws when the job was cancelled; called for each file.
 */

/**
 * @param {TreeJob} job
 * @param {Checkpoint} checkpoint
 * @returns {TreeSize | Defragmentation | ClonedFiles | undefined}
 */
export function runTreeJob(job, checkpoint) {
  if (job.kind === 'measure') return measureTree(job, checkpoint);
  if (job.kind === 'defragment') return defragmentTree(job, checkpoint);
  if (job.kind === 'clone') return cloneTree(job, checkpoint);
  if (job.kind === 'chown') chownTree(job, checkpoint);
  else if (job.kind === 'clear') clearEntries(job, checkpoint);
  else if (job.kind === 'sync') syncTree(job, checkpoint);
  else removeTree(job, checkpoint);
  return undefined;
}

/**
 * @param {ChownJob} job
 * @param {Checkpoint} checkpoint
 */
function chownTree({ path, owner }, checkpoint) {
  lchownSync(path, owner.uid, owner.gid);
  walkTree(path, checkpoint, (directory, { name }) => {
    lchownSync(directory.at(name), owner.uid, owner.gid);
  });
}

/**
 * @param {SyncJob} job
 * @param {Checkpoint} checkpoint
 */
function syncTree({ path }, checkpoint) {
  walkTree(path, checkpoint, (directory, entry) => {
    if (entry.isFile()) directory.withFile(entry.name, ({ fd }) => fsyncSync(fd));
    else if (entry.isDirectory()) directory.withDirectory(entry.name, (child) => child.sync());
  });
  TreeDirectory.with(path, (directory) => directory.sync());
}

/**
 * @param {MeasureJob} job
 * @param {Checkpoint} checkpoint
 * @returns {TreeSize}
 */
function measureTree({ path }, checkpoint) {
  const size = { files: 0, apparentBytes: 0, allocatedBytes: lstatSync(path).blocks * 512 };
  walkTree(path, checkpoint, (directory, { name }) => {
    const stat = lstatSync(directory.at(name));
    size.allocatedBytes += stat.blocks * 512;
    if (!stat.isFile()) return;
    size.files += 1;
    size.apparentBytes += stat.size;
  });
  return size;
}
