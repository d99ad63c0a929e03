import { mkdir, open, readdir, rm, rmdir } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TimelineId } from '@pgfleet/contract';
import { hasErrorCode, syncDirectory } from '@pgfleet/kit';
import { KeyedQueue } from '../storage/keyed-queue.ts';

/**
 * Which timelines have a point of history that is another one's: an empty file for each in a
 * directory for each tree. A copy begins with what its source has, which costs no tree of its own.
 */
export class Loans {
  readonly #directory: string;
  /** The last loan's end takes away the directory that the next one needs. */
  readonly #queue = new KeyedQueue();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Notes a loan, durably; one that is known already is fine. */
  lend(tree: string, borrower: TimelineId): Promise<void> {
    return this.#queue.run(tree, async () => {
      const directory = join(this.#directory, tree);
      if ((await mkdir(directory, { recursive: true, mode: 0o700 })) !== undefined) {
        await syncDirectory(this.#directory);
      }
      const file = await open(join(directory, borrower), 'a', 0o600);
      await file.close();
      await syncDirectory(directory);
    });
  }

  async borrowers(tree: string): Promise<readonly TimelineId[]> {
    try {
      return (await readdir(join(this.#directory, tree))) as TimelineId[];
    } catch (error) {
      if (!hasErrorCode(error, 'ENOENT')) throw error;
      return [];
    }
  }

  /** Ends a loan; one that never was is fine. */
  end(tree: string, borrower: TimelineId): Promise<void> {
    return this.#queue.run(tree, async () => {
      const directory = join(this.#directory, tree);
      await rm(join(directory, borrower), { force: true });
      try {
        await rmdir(directory);
      } catch (error) {
        if (!hasErrorCode(error, 'ENOENT', 'ENOTEMPTY')) throw error;
      }
    });
  }
}
