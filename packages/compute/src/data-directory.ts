import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { copyFile, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasErrorCode, syncDirectory } from '@pgfleet/kit';
import { HeldDirectory, notA } from './held-directory.ts';
import { HeldEntry } from './held-entry.ts';
import { currentOwner, type Owner } from './owner.ts';

const { COPYFILE_EXCL, COPYFILE_FICLONE } = constants;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const READ_ONLY = O_RDONLY | O_NONBLOCK | O_NOFOLLOW;
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
// `base/<database>/<file>`.
const MAX_COMPONENTS = 3;

export interface FileStat {
  readonly size: number;
  /** False for directories, links, pipes and devices. */
  readonly isFile: boolean;
  /** When its content last changed, in milliseconds since 1970. */
  readonly changedMs: number;
}

/** A regular file of a data directory, open for reading. */
export interface LentFile {
  readonly file: FileHandle;
  readonly stats: Stats;
  /** Leads to this very file while it is lent. */
  readonly path: string;
}

export interface OwnerOption {
  /** Of what is made; the owner of the data directory when left out. */
  readonly owner?: Owner | undefined;
}

export interface WriteOptions extends OwnerOption {
  /** The size of the file, where it is more than its content: the rest takes no space. */
  readonly sizeBytes?: number;
}

/**
 * The files of a data directory, for a process that may be root while their owner may be a tenant:
 * somebody who came to run programs as that user can put links, pipes and devices there. Nothing in
 * the directory leads out of it, and nothing that is no regular file is read or copied.
 *
 * Names are relative and have at most three components. What is short is synchronous. Its parent
 * directory must be out of the tenant's reach. Anything but a file or directory where one must be
 * is a ComputeError `data_directory_damaged`; what is missing is the system's `ENOENT`.
 */
export class DataDirectory implements Disposable {
  readonly path: string;
  readonly #root: HeldDirectory;
  readonly #owner: Owner;

  private constructor(path: string, root: HeldDirectory) {
    this.path = path;
    this.#root = root;
    this.#owner = root.owner();
  }

  /** @throws ComputeError `data_directory_damaged` when it is no directory; the system's error. */
  static open(path: string): DataDirectory {
    const root = HeldDirectory.open(path);
    try {
      return new DataDirectory(path, root);
    } catch (error) {
      root[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]();
  }

  /** Names of the entries of a directory, in no order. */
  async list(directory: string): Promise<string[]> {
    using place = this.#place(directory);
    using held = place.parent.child(place.leaf);
    return await held.names();
  }

  /** What is there; `undefined` when nothing is. */
  stat(name: string): FileStat | undefined {
    using place = this.#place(name);
    const found = lstatSync(place.path, { throwIfNoEntry: false });
    return found && { size: found.size, isFile: found.isFile(), changedMs: found.mtimeMs };
  }

  /** Reads the beginning of a file. */
  read(name: string, maxBytes: number): Buffer {
    using place = this.#place(name);
    const fd = openFile(place.path, name);
    try {
      if (!fstatSync(fd).isFile()) throw notA('regular file', name);
      const buffer = Buffer.alloc(maxBytes);
      return buffer.subarray(0, readSync(fd, buffer, 0, maxBytes, 0));
    } finally {
      closeSync(fd);
    }
  }

  /** Makes a file (0600), in the place of whatever was there. */
  async write(
    name: string,
    content: string | Buffer,
    { owner, sizeBytes }: WriteOptions = {},
  ): Promise<void> {
    using place = this.#place(name);
    await place.parent.remove(place.leaf);
    const handle = await open(place.path, NEW_FILE, PRIVATE_FILE);
    try {
      await handle.writeFile(content);
      if (sizeBytes !== undefined) await handle.truncate(sizeBytes);
      await give(handle, owner ?? this.#owner);
    } finally {
      await handle.close();
    }
  }

  /** Replaces a file in one step, durably: a crash leaves what it was or what it is to be. */
  async replace(name: string, content: string | Buffer): Promise<void> {
    const incoming = `${name}.incoming`;
    await this.write(incoming, content);
    await this.withFile(incoming, ({ file }) => file.sync());
    using from = this.#place(incoming);
    using to = this.#place(name);
    await rename(from.path, to.path);
    await to.parent.sync();
  }

  /** Removes a file, a link, or a directory and all below it; nothing there is no error. */
  async remove(name: string): Promise<void> {
    using place = this.#place(name);
    await place.parent.remove(place.leaf);
  }

  /** Leaves an empty directory, whatever was there. */
  async clear(directory: string, { owner = this.#owner }: OwnerOption = {}): Promise<void> {
    using place = this.#place(directory);
    if (lstatSync(place.path, { throwIfNoEntry: false })?.isDirectory()) {
      using held = place.parent.child(place.leaf);
      await held.clear();
      return;
    }
    await place.parent.remove(place.leaf);
    await mkdir(place.path, PRIVATE_DIRECTORY);
    using held = place.parent.child(place.leaf);
    await held.chown(owner);
  }

  /** Makes the names in a directory durable. */
  async sync(directory: string): Promise<void> {
    using place = this.#place(directory);
    using held = place.parent.child(place.leaf);
    await held.sync();
  }

  /** Lends an open file to `work`. */
  async withFile<T>(name: string, work: (lent: LentFile) => Promise<T>): Promise<T> {
    using place = this.#place(name);
    const file = await open(place.path, READ_ONLY).catch((error: unknown) => {
      throw namedFailure(error, name);
    });
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw notA('regular file', name);
      const isLinux = process.platform === 'linux';
      const path = isLinux ? `/proc/self/fd/${file.fd}` : join(this.path, name);
      return await work({ file, stats, path });
    } finally {
      await file.close();
    }
  }

  /**
   * Clones a file to a path that nobody else can change and where nothing is: 0600 and this
   * process' own, its blocks shared where the file system can. Not durable by itself.
   */
  async cloneOut(name: string, targetPath: string): Promise<void> {
    await this.withFile(name, ({ path }) => copyNew(path, { targetPath, owner: currentOwner() }));
  }

  /** Clones a trusted file inwards, in the place of whatever was there. */
  async cloneIn(sourcePath: string, name: string, { owner }: OwnerOption = {}): Promise<void> {
    using place = this.#place(name);
    await place.parent.remove(place.leaf);
    await copyNew(sourcePath, { targetPath: place.path, owner: owner ?? this.#owner });
  }

  /**
   * Moves a file to a path that nobody else can change, replacing what is there: 0600 and this
   * process' own. Its content is durable before it goes; the names on both sides are once their
   * directories were synced. Whoever has the file open can still write to it. With `durable: false`
   * all of that is left to the caller.
   */
  async moveOut(
    name: string,
    targetPath: string,
    { durable = true }: { readonly durable?: boolean } = {},
  ): Promise<void> {
    await this.withFile(name, async ({ file, stats }) => {
      if (durable) await file.sync();
      using place = this.#place(name);
      try {
        await rename(place.path, targetPath);
      } catch (error) {
        // A btrfs tree is a subvolume: blocks are shared across it, names are not.
        if (!hasErrorCode(error, 'EXDEV')) throw error;
        return await this.#carryOut(name, targetPath, durable);
      }
      await assertMoved(targetPath, stats.ino);
      await give(file, currentOwner());
    });
  }

  async #carryOut(name: string, targetPath: string, durable: boolean): Promise<void> {
    const incoming = `${targetPath}.incoming`;
    await rm(incoming, { force: true });
    await this.cloneOut(name, incoming);
    if (durable) await syncFile(incoming);
    await rename(incoming, targetPath);
    if (durable) await syncDirectory(dirname(targetPath));
    await this.remove(name);
  }

  #place(name: string): HeldEntry {
    const components = name.split('/');
    if (components.length > MAX_COMPONENTS) throw new Error(`${name} has too many components`);
    return new HeldEntry(this.#root, components);
  }
}

interface NewFile {
  readonly targetPath: string;
  readonly owner: Owner;
}

async function copyNew(sourcePath: string, { targetPath, owner }: NewFile): Promise<void> {
  try {
    await copyFile(sourcePath, targetPath, COPYFILE_EXCL | COPYFILE_FICLONE);
    const handle = await open(targetPath, READ_ONLY);
    try {
      if (!(await handle.stat()).isFile()) throw notA('regular file', targetPath);
      await give(handle, owner);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!hasErrorCode(error, 'EEXIST')) await rm(targetPath, { force: true });
    throw error;
  }
}

async function give(file: FileHandle, { uid, gid }: Owner): Promise<void> {
  await file.chmod(PRIVATE_FILE);
  if (process.geteuid?.() === 0) await file.chown(uid, gid);
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, READ_ONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

// Its owner may have put something else there between the check and the rename.
async function assertMoved(targetPath: string, ino: number): Promise<void> {
  const moved = await lstat(targetPath);
  if (moved.isFile() && moved.ino === ino) return;
  using target = HeldDirectory.open(dirname(targetPath));
  await target.remove(basename(targetPath));
  throw notA('regular file', targetPath);
}

function openFile(path: string, name: string): number {
  try {
    return openSync(path, READ_ONLY);
  } catch (error) {
    throw namedFailure(error, name);
  }
}

// A link is refused as ELOOP, a socket or a pipe without a reader as ENXIO.
function namedFailure(error: unknown, name: string): unknown {
  return hasErrorCode(error, 'ELOOP', 'ENXIO') ? notA('regular file', name, error) : error;
}
