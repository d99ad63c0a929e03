// The walks over a tree, each as one synchronous run: with the file system calls made straight from
// a worker thread a clone costs what it costs over libuv's thread pool, and the event loop
// is not involved. Plain JavaScript because a worker is loaded by Node itself, without the
// transformation that makes TypeScript sources importable in development.

import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';

const copyFlags = {
  reflink: constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE,
  copy: constants.COPYFILE_EXCL,
};

/**
 * @typedef {{ readonly uid: number, readonly gid: number }} Owner
 * @typedef {{ kind: 'clone', source: string, target: string, by: 'reflink' | 'copy', owner?: Owner, inUse?: boolean }} CloneJob
 * @typedef {{ kind: 'chown', path: string, owner: Owner }} ChownJob
 * @typedef {{ kind: 'remove', path: string }} RemoveJob
 * @typedef {{ kind: 'sync', path: string }} SyncJob
 * @typedef {{ kind: 'measure', path: string }} MeasureJob
 * @typedef {CloneJob | ChownJob | RemoveJob | SyncJob | MeasureJob} TreeJob
 * @typedef {{ readonly files: number, readonly apparentBytes: number, readonly allocatedBytes: number }} TreeSize
 * @typedef {() => void} Checkpoint Throws when the job was cancelled; called for each file.
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
  else if (job.kind === 'sync') syncTree(job, checkpoint);
  else rmSync(job.path, { recursive: true, force: true });
  return undefined;
}

/**
 * @param {CloneJob} job
 * @param {Checkpoint} checkpoint
 */
function cloneTree({ source, target, by, owner, inUse }, checkpoint) {
  const flags = copyFlags[by];
  // Only root may give files away; for anybody else a clone is simply his own.
  const chowns = process.geteuid?.() === 0;

  /** @param {string} from @param {string} to */
  const cloneDirectory = (from, to) => {
    const stat = lstatSync(from);
    const entries = readdirSync(from, { withFileTypes: true });
    mkdirSync(to, { mode: 0o700 });
    for (const entry of entries) {
      checkpoint();
      try {
        cloneEntry(entry, `${from}/${entry.name}`, `${to}/${entry.name}`);
      } catch (error) {
        if (!inUse || /** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
      }
    }
    if (chowns) lchownSync(to, owner?.uid ?? stat.uid, owner?.gid ?? stat.gid);
    chmodSync(to, stat.mode & 0o7777);
  };
  /** @param {import('node:fs').Dirent} entry @param {string} from @param {string} to */
  const cloneEntry = (entry, from, to) => {
    if (entry.isDirectory()) return cloneDirectory(from, to);
    // A new owner saves a stat for each file.
    const { uid, gid } = owner ?? lstatSync(from);
    if (entry.isFile()) copyFileSync(from, to, flags);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
    else return;
    if (chowns) lchownSync(to, uid, gid);
  };
  cloneDirectory(source, target);
}

/**
 * @param {ChownJob} job
 * @param {Checkpoint} checkpoint
 */
function chownTree({ path, owner }, checkpoint) {
  for (const { path: entry } of walk(path, checkpoint)) lchownSync(entry, owner.uid, owner.gid);
}

/**
 * @param {SyncJob} job
 * @param {Checkpoint} checkpoint
 */
function syncTree({ path }, checkpoint) {
  for (const entry of walk(path, checkpoint)) {
    if (!entry.isFile && !entry.isDirectory) continue;
    const fd = openSync(entry.path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/**
 * @param {MeasureJob} job
 * @param {Checkpoint} checkpoint
 * @returns {TreeSize}
 */
function measureTree({ path }, checkpoint) {
  const size = { files: 0, apparentBytes: 0, allocatedBytes: 0 };
  for (const entry of walk(path, checkpoint)) {
    const stat = lstatSync(entry.path, { throwIfNoEntry: entry.path === path });
    // A running Postgres deletes files while they are counted.
    if (!stat) continue;
    size.allocatedBytes += stat.blocks * 512;
    if (!stat.isFile()) continue;
    size.files += 1;
    size.apparentBytes += stat.size;
  }
  return size;
}

/**
 * Yields everything under a directory, then the directory itself.
 *
 * @param {string} directory
 * @param {Checkpoint} checkpoint
 * @returns {Generator<{ path: string, isFile: boolean, isDirectory: boolean }>}
 */
function* walk(directory, checkpoint) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    checkpoint();
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(path, checkpoint);
    else yield { path, isFile: entry.isFile(), isDirectory: false };
  }
  yield { path: directory, isFile: false, isDirectory: true };
}
