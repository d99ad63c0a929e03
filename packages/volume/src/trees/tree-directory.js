// A directory that a walk holds open, so that what the tree's owner does meanwhile cannot lead it
// elsewhere. The walks run as root over trees that a tenant may be writing: were entries addressed
// by their path, a directory swapped for a symbolic link between two calls would take the rest of
// the walk out of the tree.
//
// Directories and files are opened relative to the open directory N that they are in, and no link is
// followed; what is opened is used through its descriptor. Calls that need a path, and do not follow
// a link either, get `/proc/self/fd/N/name`, which Linux resolves from N (proc_pid_fd(5)).
//
// Where there is no /proc the same calls are made with paths. They still refuse a link that is there
// when they look, but not one that comes in between two of them: `holdsDirectories` says which.
//
// Names are bytes, not text: they and the paths here are strings of Latin-1, so that a name that is
// not UTF-8 is neither lost in a clone nor an obstacle to a removal.

import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
} from 'node:fs';
import { callsLinux, openAt } from './file-calls.js';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } =
  constants;
const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
// Not blocking, lest a pipe in the place of a file wait for a writer.
const fileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
const newFileFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

// Each level of a walk holds a descriptor, and a tenant may nest directories as deep as it likes. A
// cluster of Postgres has five levels.
const maxDepth = 64;

/** Whether a walk stays in its tree even while the tree's owner swaps entries for links. */
export const holdsDirectories = callsLinux && existsSync('/proc/self/fd');

/**
 * @typedef {import('node:fs').Dirent} Entry
 * @typedef {import('node:fs').Stats} Stats
 * @typedef {{ readonly fd: number, readonly path: string | Buffer, readonly stat: Stats }} OpenFile `path` leads to what is open.
 */

/** One open directory of a tree. */
export class TreeDirectory {
  #fd;
  #base;
  #depth;

  /** @param {number} fd @param {string} path @param {number} depth */
  constructor(fd, path, depth) {
    this.#fd = fd;
    this.#base = holdsDirectories ? `/proc/self/fd/${fd}` : path;
    this.#depth = depth;
  }

  /**
   * Opens the top of a tree for the time of `use`. Throws ENOTDIR or ELOOP when it is no directory.
   *
   * @template T
   * @param {string} path In Unicode, as paths are outside of the walks.
   * @param {(directory: TreeDirectory) => T} use
   */
  static with(path, use) {
    return lend(new TreeDirectory(openSync(path, directoryFlags), bytesOf(path), 0), use);
  }

  /** Whether this is the top of its tree. */
  get isTop() {
    return this.#depth === 0;
  }

  /** Whether walks go no further down. */
  get isDeepest() {
    return this.#depth === maxDepth;
  }

  /** @returns {Entry[]} */
  entries() {
    return readdirSync(native(this.#base), { withFileTypes: true, encoding: 'latin1' });
  }

  /** A path to a child, for calls that do not follow a symbolic link. @param {string} name */
  at(name) {
    return native(`${this.#base}/${name}`);
  }

  /**
   * Opens a child for the time of `use`; throws as `with` does.
   *
   * @template T
   * @param {string} name
   * @param {(directory: TreeDirectory) => T} use
   */
  withDirectory(name, use) {
    if (this.isDeepest) throw new Error(`a tree nests more than ${maxDepth} directories`);
    const fd = this.#open(name, { flags: directoryFlags });
    return lend(new TreeDirectory(fd, `${this.#base}/${name}`, this.#depth + 1), use);
  }

  /** Makes a directory that only the caller may enter. @param {string} name */
  makeDirectory(name) {
    mkdirSync(this.at(name), { mode: 0o700 });
  }

  /**
   * Opens a child for the time of `use` if it is a regular file.
   *
   * @param {string} name
   * @param {(file: OpenFile) => void} use
   */
  withFile(name, use) {
    const fd = this.#open(name, { flags: fileFlags });
    try {
      const stat = fstatSync(fd);
      const path = holdsDirectories ? `/proc/self/fd/${fd}` : this.at(name);
      if (stat.isFile()) use({ fd, path, stat });
    } finally {
      closeSync(fd);
    }
  }

  /** Creates a file (mode 0600) and opens it for the time of `use`. @param {string} name @param {(fd: number) => void} use */
  withNewFile(name, use) {
    const fd = this.#open(name, { flags: newFileFlags, mode: 0o600 });
    try {
      use(fd);
    } finally {
      closeSync(fd);
    }
  }

  stat() {
    return fstatSync(this.#fd);
  }

  /** @param {number} mode */
  chmod(mode) {
    fchmodSync(this.#fd, mode);
  }

  /** @param {import('./tree-jobs.js').Owner} owner */
  chown({ uid, gid }) {
    fchownSync(this.#fd, uid, gid);
  }

  sync() {
    fsyncSync(this.#fd);
  }

  close() {
    closeSync(this.#fd);
  }

  /** @param {string} name @param {{ flags: number, mode?: number }} options */
  #open(name, { flags, mode = 0 }) {
    if (holdsDirectories) return openAt(this.#fd, name, { flags, mode });
    return openSync(this.at(name), flags, mode);
  }
}

/** Whether an error means that an entry is no longer what its directory said. @param {unknown} error */
export function hasChanged(error) {
  const { code, syscall } = /** @type {NodeJS.ErrnoException} */ (error);
  if (code === 'EINVAL') return syscall === 'readlink';
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
}

/** @template T @param {TreeDirectory} directory @param {(directory: TreeDirectory) => T} use */
function lend(directory, use) {
  try {
    return use(directory);
  } finally {
    directory.close();
  }
}

/** @param {string} path */
function bytesOf(path) {
  return Buffer.from(path).toString('latin1');
}

/** A path as Node takes it: most are ASCII, which is cheaper as a string. @param {string} path */
function native(path) {
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path, 'latin1');
}
