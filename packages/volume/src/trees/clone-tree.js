import {
  copyFileSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readSync,
  readlinkSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { callsLinux } from './file-calls.js';
import { shareFile } from './share-file.js';
import { hasChanged, TreeDirectory } from './tree-directory.js';

const shareFlags = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE;
const copyChunkBytes = 1 << 20;
const usualFileMode = 0o600;

/**
 * @typedef {import('./tree-jobs.js').CloneJob} CloneJob
 * @typedef {import('./tree-jobs.js').Checkpoint} Checkpoint
 * @typedef {import('./tree-directory.js').Entry} Entry
 * @typedef {import('./tree-directory.js').OpenFile} OpenFile
 * @typedef {{ readonly from: TreeDirectory, readonly to: TreeDirectory }} Pair
 */

/**
 * Clones a tree file by file, also while somebody who is not trusted writes the source; or one of
 * some parts of it, while others clone the others: each makes all directories and its share of the
 * files. Returns what it cloned.
 *
 * Regular files, directories and symbolic links are cloned, all else is left out. So is a file that
 * has other names and another owner than the tree: a hard link to what is somebody else's.
 *
 * @param {CloneJob} job
 * @param {Checkpoint} checkpoint
 * @returns {import('./tree-jobs.js').ClonedFiles}
 */
export function cloneTree(job, checkpoint) {
  const { source, target, by, owner, inUse, exclude = [], part = 0, parts = 1 } = job;
  const cloned = { files: 0, bytes: 0 };
  // Only root may give files away; for anybody else a clone is simply his own.
  const chowns = process.geteuid?.() === 0;
  const excluded = new Set(exclude);
  /** @type {number | undefined} */
  let treeUid;

  /** @param {Pair} pair @param {boolean} withContent */
  const cloneDirectory = ({ from, to }, withContent) => {
    const { uid, gid, mode } = from.stat();
    if (from.isTop) treeUid = uid;
    for (const entry of withContent ? from.entries() : []) {
      checkpoint();
      try {
        cloneEntry({ from, to }, entry);
      } catch (error) {
        if (!inUse || !hasChanged(error)) throw error;
      }
    }
    if (chowns) to.chown(owner ?? { uid, gid });
    to.chmod(mode & 0o7777);
  };
  /** @param {Pair} pair @param {Entry} entry */
  const cloneEntry = ({ from, to }, entry) => {
    const { name } = entry;
    const isExcluded = from.isTop && excluded.has(name);
    if (entry.isDirectory()) {
      from.withDirectory(name, (fromChild) => {
        makeShared(() => to.makeDirectory(name), parts);
        to.withDirectory(name, (toChild) =>
          cloneDirectory({ from: fromChild, to: toChild }, !isExcluded),
        );
      });
    } else if (isExcluded || partOf(name, parts) !== part) {
      return;
    } else if (entry.isFile()) {
      from.withFile(name, (file) => cloneFile(file, to, name));
    } else if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(from.at(name), 'buffer'), to.at(name));
      const { uid, gid } = owner ?? lstatSync(from.at(name));
      if (chowns) lchownSync(to.at(name), uid, gid);
    }
  };
  /** @param {OpenFile} file @param {TreeDirectory} to @param {string} name */
  const cloneFile = (file, to, name) => {
    if (file.stat.nlink > 1 && file.stat.uid !== treeUid) return;
    const { uid, gid } = owner ?? file.stat;
    cloned.files += 1;
    cloned.bytes += file.stat.size;
    // Elsewhere than on Linux blocks are shared by name, and the system wants to create the clone.
    if (by === 'reflink' && !callsLinux) {
      copyFileSync(file.path, to.at(name), shareFlags);
      if (chowns) lchownSync(to.at(name), uid, gid);
      return;
    }
    to.withNewFile(name, (fd) => {
      if (by === 'reflink') shareFile(file, fd, checkpoint);
      else copyContent(file, fd, checkpoint);
      if (chowns) fchownSync(fd, uid, gid);
      const mode = file.stat.mode & 0o777;
      if (mode !== usualFileMode) fchmodSync(fd, mode);
    });
  };

  makeShared(() => mkdirSync(target, { mode: 0o700 }), parts);
  TreeDirectory.with(source, (from) =>
    TreeDirectory.with(target, (to) => cloneDirectory({ from, to }, true)),
  );
  return cloned;
}

/**
 * Makes a directory that another part may have made already: nobody else gets at the target.
 *
 * @param {() => void} make
 * @param {number} parts
 */
function makeShared(make, parts) {
  try {
    make();
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (parts === 1 || code !== 'EEXIST') throw error;
  }
}

/**
 * By the name alone: directories of a source in use are not read alike by all.
 *
 * @param {string} name
 * @param {number} parts
 */
function partOf(name, parts) {
  let sum = 0;
  for (let index = 0; index < name.length; index++) sum += name.charCodeAt(index);
  return sum % parts;
}

/**
 * Copies a file as long as it was when it was opened, or is when its end is reached. Not left to
 * Node's `copyFile`, which never returns when a file becomes shorter while it is copied.
 *
 * @param {OpenFile} file
 * @param {number} target
 * @param {Checkpoint} checkpoint
 */
function copyContent({ fd, stat }, target, checkpoint) {
  const chunk = Buffer.allocUnsafe(Math.min(copyChunkBytes, stat.size));
  for (let left = stat.size; left > 0; ) {
    checkpoint();
    const length = readSync(fd, chunk, 0, Math.min(chunk.length, left), null);
    if (length === 0) break;
    for (let at = 0; at < length; ) at += writeSync(target, chunk, at, length - at);
    left -= length;
  }
}
