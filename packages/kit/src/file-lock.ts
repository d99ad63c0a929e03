import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { hasErrorCode } from './error-code.ts';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
// The system may stop who only looks in the middle of it; whoever keeps the lock is told from that
// at once.
const PROBE_MS = 50;

type Flock = (fd: number, operation: number) => number;
let flockCall: Flock | undefined;

/**
 * An exclusive `flock(2)` on a file.
 *
 * The lock belongs to the open file description, so a child process that inherits {@link fd} holds
 * it too, and it is free exactly when the last process that has it open is gone. Node has no
 * binding for `flock`; this one goes through the C library.
 */
export class FileLock implements Disposable {
  readonly path: string;
  readonly #fd: number;
  #open = true;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /**
   * The descriptor to inherit.
   *
   * @throws Error when the lock was released: the number may be another file's by then.
   */
  get fd(): number {
    if (!this.#open) throw new Error(`the lock ${this.path} was released`);
    return this.#fd;
  }

  /**
   * Takes the lock, creating the file (0600) when absent; `undefined` when somebody else holds it.
   *
   * @throws the system's error when the file cannot be opened or locked.
   */
  static tryAcquire(path: string): FileLock | undefined {
    const fd = openSync(path, 'a', 0o600);
    const end = performance.now() + PROBE_MS;
    while (performance.now() < end) {
      if (tryFlock(fd, LOCK_EX | LOCK_NB, path)) return new FileLock(path, fd);
      if (!tryFlock(fd, LOCK_SH | LOCK_NB, path)) break;
      // Only isLocked looks that way, elsewhere and for microseconds: a probe is no holder.
      tryFlock(fd, LOCK_UN, path);
    }
    closeSync(fd);
    return undefined;
  }

  /**
   * Closes this process' copy of the descriptor. Children that inherited it keep the lock; with
   * `unlock`, the lock is given up for them as well.
   */
  release({ unlock = false }: { readonly unlock?: boolean } = {}): void {
    if (!this.#open) return;
    this.#open = false;
    if (unlock) tryFlock(this.#fd, LOCK_UN, this.path);
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Says whether some process holds the lock on `path`; `false` when the file does not exist. */
export function isLocked(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    return !tryFlock(fd, LOCK_SH | LOCK_NB, path);
  } finally {
    closeSync(fd);
  }
}

function tryFlock(fd: number, operation: number, path: string): boolean {
  flockCall ??= loadFlock();
  for (;;) {
    if (flockCall(fd, operation) === 0) return true;
    const errno = koffi.errno();
    if (errno === koffi.os.errno['EINTR']) continue;
    if (errno === koffi.os.errno['EAGAIN']) return false;
    throw new Error(`cannot lock ${path}: flock failed with errno ${errno}`);
  }
}

function loadFlock(): Flock {
  const library = process.platform === 'darwin' ? '/usr/lib/libSystem.dylib' : null;
  return koffi.load(library).func('int flock(int fd, int operation)');
}
