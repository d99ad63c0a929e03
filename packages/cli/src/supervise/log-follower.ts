import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { hasErrorCode } from '@pgfleet/kit';
import { boundLogFile } from './log-file.ts';

const INTERVAL_MS = 250;
const CHUNK_BYTES = 64 * 1024;

/** Hands on the lines that a process appends to its log, and keeps the log from growing for ever. */
export class LogFollower implements Disposable {
  readonly #path: string;
  readonly #onLine: (line: string) => void;
  readonly #timer: NodeJS.Timeout;
  #offset: number;
  #rest = '';

  /** Starts at the current end of the file, which need not exist yet. */
  constructor(path: string, onLine: (line: string) => void) {
    this.#path = path;
    this.#onLine = onLine;
    this.#offset = this.#withFile((fd) => fstatSync(fd).size) ?? 0;
    this.#timer = setInterval(() => this.poll(), INTERVAL_MS);
    this.#timer.unref();
  }

  /** Reads what is there now, without waiting for the next turn. */
  poll(): void {
    const size = this.#withFile((fd) => this.#readFrom(fd));
    if (size !== undefined && boundLogFile(this.#path, size)) this.#offset = 0;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.poll();
  }

  #readFrom(fd: number): number {
    const { size } = fstatSync(fd);
    if (size < this.#offset) this.#offset = 0;
    const chunk = Buffer.alloc(CHUNK_BYTES);
    while (this.#offset < size) {
      const bytes = readSync(fd, chunk, 0, CHUNK_BYTES, this.#offset);
      if (bytes === 0) break;
      this.#offset += bytes;
      this.#emit(chunk.toString('utf8', 0, bytes));
    }
    return size;
  }

  #emit(text: string): void {
    const lines = (this.#rest + text).split('\n');
    // A line longer than a chunk is cut: the log is for people.
    this.#rest = (lines.pop() ?? '').slice(0, CHUNK_BYTES);
    for (const line of lines) if (line !== '') this.#onLine(line);
  }

  #withFile<T>(use: (fd: number) => T): T | undefined {
    let fd: number;
    try {
      fd = openSync(this.#path, 'r');
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return undefined;
      throw error;
    }
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }
}
