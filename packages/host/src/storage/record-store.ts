import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode, readJsonFile, syncDirectory, writeFileAtomic } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import { KeyedQueue } from './keyed-queue.ts';

export interface RecordStoreOptions<T> {
  readonly directory: string;
  readonly log: Logger;
  /** Recognises a record; what it refuses is left alone on disk and logged. */
  readonly accepts: (value: unknown) => value is T;
}

/**
 * JSON records in one directory, `<id>.json`, all of them in memory.
 *
 * The file is written before memory changes. A file that cannot be read costs only its own id:
 * the store goes on without it, keeps it, and still {@link knows} it.
 */
export class RecordStore<T> {
  readonly #directory: string;
  readonly #records = new Map<string, T>();
  readonly #unreadable = new Set<string>();
  readonly #queue = new KeyedQueue();

  constructor({ directory, log, accepts }: RecordStoreOptions<T>) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(directory)) {
      if (file.endsWith('.tmp')) rmSync(join(directory, file), { force: true });
      if (!file.endsWith('.json')) continue;
      const id = file.slice(0, -'.json'.length);
      const value = readOrReport(join(directory, file), log);
      if (accepts(value)) this.#records.set(id, value);
      else this.#unreadable.add(id);
    }
    if (this.#unreadable.size > 0) {
      log.error({ directory, ids: [...this.#unreadable].slice(0, 20) }, 'records are unreadable');
    }
  }

  get size(): number {
    return this.#records.size;
  }

  get(id: string): T | undefined {
    return this.#records.get(id);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#records.entries();
  }

  values(): IterableIterator<T> {
    return this.#records.values();
  }

  /** Says whether something is stored under this id, readable or not. */
  knows(id: string): boolean {
    return this.#records.has(id) || this.#unreadable.has(id);
  }

  /** Writes a record; without `durable` a power loss may take it back, a killed process not. */
  put(id: string, record: T, options: { readonly durable?: boolean } = {}): Promise<void> {
    return this.#queue.run(id, async () => {
      await writeFileAtomic(this.#path(id), JSON.stringify(record), options);
      this.#records.set(id, record);
      this.#unreadable.delete(id);
    });
  }

  /** Removes a record for good; one that does not exist is no error. */
  delete(id: string, { durable = true }: { readonly durable?: boolean } = {}): Promise<void> {
    return this.#queue.run(id, async () => {
      try {
        await unlink(this.#path(id));
        if (durable) await syncDirectory(this.#directory);
      } catch (error) {
        if (!hasErrorCode(error, 'ENOENT')) throw error;
      }
      this.#records.delete(id);
      this.#unreadable.delete(id);
    });
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

function readOrReport(path: string, log: Logger): unknown {
  try {
    return readJsonFile(path);
  } catch (error) {
    log.error({ err: error, path }, 'record cannot be read');
    return undefined;
  }
}
