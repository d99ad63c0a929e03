// The walks over a tree, each as one synchronous run: with the file system calls made straight from
// a worker thread a clone costs what it costs over libuv's thread pool, and the event loop
// is not involved. Plain JavaScript because a worker is loaded by Node itself, without the
// transformation that makes TypeScript sources importable in development.

import { fsyncSync, lchownSync, lstatSync } from 'node:fs';
import { cloneTree } from './clone-tree.js';
import { clearEntries, removeTree } from './remove-tree.js';
import { hasChanged, TreeDirectory } from './tree-directory.js';

/**
 * @typedef {{ readonly uid: number, readonly gid: number }} Owner
 * @typedef {{ kind: 'clone', source: string, target: string, by: 'reflink' | 'copy', owner?: Owner, inUse?: boolean, exclude?: readonly string[] }} CloneJob
 * @typedef {{ kind: 'chown', path: string, owner: Owner }} ChownJob
 * @typedef {{ kind: 'clear', path: string, names: readonly string[] }} ClearJob
 * @typedef {{ kind: 'remove', path: string }} RemoveJob
 * @typedef {{ kind: 'sync', path: string }} SyncJob
 * @typedef {{ kind: 'measure', path: string }} MeasureJob
 * @typedef {CloneJob | ChownJob | ClearJob | RemoveJob | SyncJob | MeasureJob} TreeJob
 * @typedef {{ readonly files: number, readonly apparentBytes: number, readonly allocatedBytes: number }} TreeSize
 * @typedef {() => void} Checkpoint Throws when the job was cancelled; called for each file.
 * @typedef {import('./tree-directory.js').Entry} Entry
 */

/**
 * @param {TreeJob} job
 * @param {Checkpoint} checkpoint
 * @returns {TreeSize | undefined}
 */
export function runTreeJob(job, checkpoint) {
  if (job.kind === 'measure') return measureTree(job, checkpoint);
  if (job.kind === 'clone') cloneTree(job, checkpoint);
  else if (job.kind === 'chown') chownTree(job, checkpoint);
  else if (job.kind === 'clear') clearEntries(job.path, job.names);
  else if (job.kind === 'sync') syncTree(job, checkpoint);
  else removeTree(job.path);
  return undefined;
}

/**
 * @param {ChownJob} job
 * @param {Checkpoint} checkpoint
 */
function chownTree({ path, owner }, checkpoint) {
  lchownSync(path, owner.uid, owner.gid);
  walk(path, checkpoint, (directory, { name }) => {
    lchownSync(directory.at(name), owner.uid, owner.gid);
  });
}

/**
 * @param {SyncJob} job
 * @param {Checkpoint} checkpoint
 */
function syncTree({ path }, checkpoint) {
  walk(path, checkpoint, (directory, entry) => {
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
  walk(path, checkpoint, (directory, { name }) => {
    const stat = lstatSync(directory.at(name));
    size.allocatedBytes += stat.blocks * 512;
    if (!stat.isFile()) return;
    size.files += 1;
    size.apparentBytes += stat.size;
  });
  return size;
}

/**
 * Visits everything under the top of a tree, a directory after what is in it. What vanishes or turns
 * into something else while it is looked at is left out: a running Postgres deletes files.
 *
 * @param {string} path
 * @param {Checkpoint} checkpoint
 * @param {(directory: TreeDirectory, entry: Entry) => void} visit
 */
function walk(path, checkpoint, visit) {
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
