import { mkdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecoveryTarget } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { hasErrorCode, writeFileAtomic } from '@pgfleet/kit';
import { KeyedQueue } from '../storage/keyed-queue.ts';
import { SharedQueue } from '../storage/shared-queue.ts';
import type { HistoryRecord, PointRecord } from './history-record.ts';
import { firstPointBeyond, nearestPoint } from './nearest-point.ts';
import { parseLsn } from './wal-segment.ts';

// A host may hold hundreds of thousands of timelines; those in use are few.
const MAX_CACHED = 10_000;

export interface HistoriesOptions {
  readonly directory: string;
  /** What is known of a timeline that nothing was written down for. */
  readonly beginning: (timelineId: TimelineId) => HistoryRecord;
}

/** Which point a recovery is to begin at. */
interface PointWish {
  readonly target: RecoveryTarget;
  readonly damaged: ReadonlySet<string>;
  readonly from?: string | undefined;
}

/** The histories of a host's timelines, one file for each that has one, read when needed. */
export class Histories {
  readonly #options: HistoriesOptions;
  readonly #cache = new Map<TimelineId, HistoryRecord>();
  readonly #queue = new KeyedQueue();
  readonly #trees = new SharedQueue();

  constructor(options: HistoriesOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  }

  async get(timelineId: TimelineId): Promise<HistoryRecord> {
    const known = this.#cache.get(timelineId);
    if (known) return known;
    const history = await this.#read(timelineId);
    // A change may have come meanwhile, and be newer than what was read.
    const newer = this.#cache.get(timelineId);
    if (newer) return newer;
    this.#remember(timelineId, history);
    return history;
  }

  /** While `work` uses points and WAL, or adds some, none are removed. */
  using<T>(timelineId: TimelineId, work: () => Promise<T>): Promise<T> {
    return this.#trees.together(timelineId, work);
  }

  /** Removes points or WAL when nobody uses them; who comes later waits. */
  removing<T>(timelineId: TimelineId, work: () => Promise<T>): Promise<T> {
    return this.#trees.alone(timelineId, work);
  }

  /** Changes a history; one change at a time, on disk before anybody sees it. */
  update(
    timelineId: TimelineId,
    change: (history: HistoryRecord) => HistoryRecord,
  ): Promise<HistoryRecord> {
    return this.#queue.run(timelineId, async () => {
      const changed = change(await this.get(timelineId));
      await writeFileAtomic(this.#path(timelineId), JSON.stringify(changed));
      this.#remember(timelineId, changed);
      return changed;
    });
  }

  forget(timelineId: TimelineId): Promise<void> {
    return this.#queue.run(timelineId, async () => {
      await rm(this.#path(timelineId), { force: true });
      this.#cache.delete(timelineId);
    });
  }

  /**
   * The newest point that a recovery to a target can begin at, but for those that are damaged; or
   * the one that is asked for, if it is such a point.
   */
  async nearest(
    timelineId: TimelineId,
    { target, damaged, from }: PointWish,
  ): Promise<PointRecord | undefined> {
    const { points } = await this.get(timelineId);
    const last = nearestPoint(points, target);
    const candidates = last ? points.slice(0, points.indexOf(last) + 1) : [];
    return candidates.findLast(
      ({ tree }) => !damaged.has(tree) && (from === undefined || tree === from),
    );
  }

  /** Up to where WAL is needed, so that a recovery finds a record beyond its target. */
  async endOfReplay(
    timelineId: TimelineId,
    { target, endLsn }: { readonly target: RecoveryTarget; readonly endLsn: string },
  ): Promise<bigint> {
    const { points } = await this.get(timelineId);
    return parseLsn(firstPointBeyond(points, target)?.endLsn ?? endLsn);
  }

  async #read(timelineId: TimelineId): Promise<HistoryRecord> {
    try {
      return JSON.parse(await readFile(this.#path(timelineId), 'utf8')) as HistoryRecord;
    } catch (error) {
      if (!hasErrorCode(error, 'ENOENT')) throw error;
      return this.#options.beginning(timelineId);
    }
  }

  #remember(timelineId: TimelineId, history: HistoryRecord): void {
    this.#cache.delete(timelineId);
    this.#cache.set(timelineId, history);
    if (this.#cache.size <= MAX_CACHED) return;
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined) this.#cache.delete(oldest);
  }

  #path(timelineId: TimelineId): string {
    return join(this.#options.directory, `${timelineId}.json`);
  }
}
