import { closeSync, constants, lstatSync, openSync, statSync } from 'node:fs';
import { chown, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode } from '@pgfleet/kit';
import { ComputeError } from './compute-error.ts';
import type { Owner } from './owner.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
// Every level of a tree that is being removed holds a descriptor; Postgres nests five.
const MAX_DEPTH = 64;

/**
 * A directory that stays the same one until it is let go, whatever becomes of the names above it.
 *
 * On Linux its entries are reached through an open descriptor, so nobody who may rename things can
 * lead an access elsewhere between a check and its use. Other systems have no names below
 * `/proc/self/fd`: there its kind is checked and its path used.
 */
export class HeldDirectory implements Disposable {
  readonly #fd: number | undefined;
  readonly #path: string;

  private constructor(path: string, fd: number | undefined) {
    this.#path = path;
    this.#fd = fd;
  }

  /**
   * Opens a directory whose parent nobody else can change.
   *
   * @throws ComputeError `data_directory_damaged` when it is something else; the system's error.
   */
  static open(path: string): HeldDirectory {
    if (process.platform !== 'linux') {
      if (!lstatSync(path).isDirectory()) throw notA('directory', path);
      return new HeldDirectory(path, undefined);
    }
    try {
      const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      return new HeldDirectory(`/proc/self/fd/${fd}`, fd);
    } catch (error) {
      throw hasErrorCode(error, 'ELOOP', 'ENOTDIR') ? notA('directory', path, error) : error;
    }
  }

  /** Where an entry is, for as long as this is held; the entry itself may be anything. */
  path(name: string): string {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
      throw new Error(`${JSON.stringify(name)} is no name of a directory's entry`);
    }
    return join(this.#path, name);
  }

  /** Opens a directory in this one. @throws like {@link HeldDirectory.open}. */
  child(name: string): HeldDirectory {
    return HeldDirectory.open(this.path(name));
  }

  names(): Promise<string[]> {
    return readdir(this.#path);
  }

  owner(): Owner {
    const { uid, gid } = statSync(this.#path);
    return { uid, gid };
  }

  async chown({ uid, gid }: Owner): Promise<void> {
    if (process.geteuid?.() === 0) await chown(this.#path, uid, gid);
  }

  /** Makes the names in it durable. */
  async sync(): Promise<void> {
    const handle = await open(this.#path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Removes an entry of any kind with all that is below it; nothing there is no error. */
  async remove(name: string, depth = 0): Promise<void> {
    try {
      await unlink(this.path(name));
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return;
      // Linux says EISDIR of a directory, POSIX EPERM.
      if (!hasErrorCode(error, 'EISDIR', 'EPERM')) throw error;
      await this.#removeDirectory(name, depth, error);
    }
  }

  /** Removes all entries. */
  async clear(depth = 0): Promise<void> {
    for (const name of await this.names()) await this.remove(name, depth);
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }

  async #removeDirectory(name: string, depth: number, cause: unknown): Promise<void> {
    if (depth === MAX_DEPTH) throw notA('tree of any use', name, cause);
    {
      using child = this.child(name);
      await child.clear(depth + 1);
    }
    await rmdir(this.path(name));
  }
}

/** What to say of an entry that Postgres would not have put there. */
export function notA(kind: string, path: string, cause?: unknown): ComputeError {
  return new ComputeError('data_directory_damaged', 'the data directory holds what it should not', {
    cause: new Error(`${path} is no ${kind}`, { cause }),
  });
}
