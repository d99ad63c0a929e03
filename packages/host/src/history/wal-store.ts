import { constants } from 'node:fs';
import { copyFile, lstat, open, readdir, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DataDirectory, Owner } from '@pgfleet/compute';
import { readControlFile } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { hasErrorCode, syncDirectory } from '@pgfleet/kit';
import type { Volume } from '@pgfleet/volume';
import { KeyedQueue } from '../storage/keyed-queue.ts';
import { HistoryDamaged } from './history-damaged.ts';
import { findWalDamage, needsNothing } from './wal-damage.ts';
import { LONG_HEADER_BYTES } from './wal-page.ts';
import { compareSegments, parseSegmentName, segmentAt, WAL_SEGMENT_BYTES } from './wal-segment.ts';
import type { WalSegment } from './wal-segment.ts';

export interface StoredSegment extends WalSegment {
  readonly bytes: number;
}

export interface CollectOptions {
  /** Of the timeline, running or at rest. */
  readonly dataDirectory: DataDirectory;
  /**
   * Segments that end at or before it go. Postgres must not need them any more: it is at most the
   * redo LSN of the last checkpoint and the restart LSN of every replication slot.
   */
  readonly before: bigint;
  /** Left to the caller, who syncs both trees, when false. */
  readonly durable?: boolean;
  readonly signal?: AbortSignal;
}

export interface PlaceOptions {
  /** The clone, at rest. */
  readonly into: DataDirectory;
  /** The data directory of the timeline, running or at rest; `undefined` when it is gone. */
  readonly live: DataDirectory | undefined;
  readonly from: bigint;
  /** At most what was flushed. A record that ends after it may need the segment after. */
  readonly to: bigint;
  readonly owner?: Owner | undefined;
  readonly signal?: AbortSignal;
}

const SHARE = constants.COPYFILE_FICLONE;

/** The tree that keeps the WAL of a timeline. */
export function walTree(timelineId: TimelineId): string {
  return `wal-${timelineId}`;
}

/**
 * The WAL of one timeline that its Postgres does not need any more: a tree on the volume, out of
 * the tenant's reach, whose files are named as in `pg_wal`. There is none until something is kept.
 *
 * A segment is in `pg_wal`, in the store, or (when names cannot be moved between them) in both for
 * a moment; never in neither, whenever the machine stops. One store at a time may be open for a
 * timeline; its calls run one after the other.
 */
export class WalStore {
  readonly #volume: Volume;
  readonly #tree: string;
  readonly #segments = new Map<string, StoredSegment>();
  readonly #queue = new KeyedQueue();
  #exists = false;

  private constructor(volume: Volume, tree: string) {
    this.#volume = volume;
    this.#tree = tree;
  }

  /** Reads what is kept; costs one look at every file. */
  static async open(volume: Volume, timelineId: TimelineId): Promise<WalStore> {
    const store = new WalStore(volume, walTree(timelineId));
    await store.#load();
    return store;
  }

  /** What is kept, oldest first. */
  segments(): readonly StoredSegment[] {
    return [...this.#segments.values()].sort(compareSegments);
  }

  /** What is kept, in bytes; blocks that clones share count in full. */
  get bytes(): number {
    return [...this.#segments.values()].reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /**
   * Moves complete segments out of `pg_wal`, oldest first, and says how many. Everything else there, `.history`
   * files as well, stays. Durable when it resolves; may be repeated after any failure.
   */
  collect({ dataDirectory, before, durable = true, signal }: CollectOptions): Promise<number> {
    return this.#queue.run(this.#tree, async () => {
      const due = (await listSegments(dataDirectory))
        .sort(compareSegments)
        .filter(({ end, bytes }) => end <= before && bytes === WAL_SEGMENT_BYTES);
      if (due.length === 0) return 0;
      await this.#ensureTree();
      for (const segment of due.sort(compareSegments)) {
        signal?.throwIfAborted();
        await this.#take(dataDirectory, segment, { durable });
      }
      if (!durable) return due.length;
      await syncDirectory(this.#directory);
      await dataDirectory.sync('pg_wal');
      return due.length;
    });
  }

  /**
   * Shares what is kept from a place on with the store of a copy, and says how many segments that
   * are. Not durable by itself.
   */
  share(heir: WalStore, { from }: { readonly from: bigint }): Promise<number> {
    return heir.#queue.run(heir.#tree, async () => {
      const due = this.segments().filter(
        ({ end, name }) => end > from && !heir.#segments.has(name),
      );
      if (due.length > 0) await heir.#ensureTree();
      for (const segment of due) {
        const target = join(heir.#directory, segment.name);
        await copyFile(join(this.#directory, segment.name), target, SHARE);
        heir.#segments.set(segment.name, segment);
      }
      return due.length;
    });
  }

  /** Deletes segments that end at or before a place, oldest first; says how many. */
  expire({ before }: { readonly before: bigint }): Promise<number> {
    return this.#queue.run(this.#tree, async () => {
      const due = this.segments().filter(({ end }) => end <= before);
      for (const { name } of due) {
        await rm(join(this.#directory, name), { force: true });
        this.#segments.delete(name);
      }
      return due.length;
    });
  }

  /**
   * Puts the WAL between two places into a clone's `pg_wal`, shared with the store where the volume
   * can: from the segment that contains `from` to the one that contains `to`, which may be the one
   * being written. Not durable by itself. Whether it is whole inside is not looked at.
   *
   * @throws HistoryDamaged when a segment is missing, cut short or another one.
   */
  place(options: PlaceOptions): Promise<void> {
    return this.#queue.run(this.#tree, async () => {
      const { from, to, live, signal } = options;
      const { systemIdentifier } = readControlFile(options.into.path);
      const known = [...this.#segments.values(), ...(live ? await listSegments(live) : [])];
      const candidates = known.filter(({ start, end }) => end > from && start <= to);
      let { start, end } = segmentAt(1, from);
      while (start <= to) {
        signal?.throwIfAborted();
        const segment = newest(candidates, start);
        if (segment) await this.#placeOne(segment, { ...options, systemIdentifier });
        else if (!needsNothing(start, to)) throw new HistoryDamaged(start, end, 'it is missing');
        ({ start, end } = segmentAt(1, end));
      }
    });
  }

  get #directory(): string {
    return this.#volume.path(this.#tree);
  }

  async #load(): Promise<void> {
    this.#exists = await this.#volume.exists(this.#tree);
    if (!this.#exists) return;
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      const segment = parseSegmentName(name);
      // What a crash left of a segment on its way in is in `pg_wal` still.
      if (!segment) await rm(path, { force: true });
      else this.#segments.set(name, { ...segment, bytes: (await lstat(path)).size });
    }
  }

  async #ensureTree(): Promise<void> {
    if (this.#exists) return;
    const path = await this.#volume.create(this.#tree);
    await syncDirectory(dirname(path));
    this.#exists = true;
  }

  async #take(
    dataDirectory: DataDirectory,
    segment: StoredSegment,
    options: { readonly durable: boolean },
  ): Promise<void> {
    const { name } = segment;
    // A crash came between the two halves of a move; what is kept is never replaced.
    if (this.#segments.has(name)) return dataDirectory.remove(`pg_wal/${name}`);
    await dataDirectory.moveOut(`pg_wal/${name}`, join(this.#directory, name), options);
    this.#segments.set(name, segment);
  }

  async #placeOne(segment: StoredSegment, placing: Placing): Promise<void> {
    const { name, start, end } = segment;
    try {
      if (!this.#segments.has(name)) {
        await placing.live!.withFile(`pg_wal/${name}`, ({ file, path }) =>
          placeFile({ segment, file, path }, placing),
        );
        return;
      }
      const path = join(this.#directory, name);
      await using file = await open(path, 'r');
      await placeFile({ segment, file, path }, placing);
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) throw new HistoryDamaged(start, end, 'it is gone');
      if (hasErrorCode(error, 'EIO')) throw new HistoryDamaged(start, end, 'it cannot be read');
      throw error;
    }
  }
}

interface Placing extends PlaceOptions {
  readonly systemIdentifier: bigint;
}

interface Source {
  readonly segment: WalSegment;
  readonly file: FileHandle;
  readonly path: string;
}

async function placeFile({ segment, file, path }: Source, placing: Placing): Promise<void> {
  const { into, to, owner, systemIdentifier } = placing;
  if (!needsNothing(segment.start, to)) {
    const { buffer: header } = await file.read(
      Buffer.alloc(LONG_HEADER_BYTES),
      0,
      LONG_HEADER_BYTES,
      0,
    );
    const { size: bytes } = await file.stat();
    const damage = findWalDamage(header, { segment, bytes, systemIdentifier });
    if (damage !== undefined) throw new HistoryDamaged(segment.start, segment.end, damage);
  }
  await into.cloneIn(path, `pg_wal/${segment.name}`, { owner });
}

/** The segments in a `pg_wal`, whole ones and others. */
async function listSegments(dataDirectory: DataDirectory): Promise<StoredSegment[]> {
  const names = await dataDirectory.list('pg_wal');
  return names.flatMap((name) => {
    const segment = parseSegmentName(name);
    const stat = segment && dataDirectory.stat(`pg_wal/${name}`);
    return segment && stat?.isFile ? [{ ...segment, bytes: stat.size }] : [];
  });
}

/** What continues the history at a place: where timeline numbers meet, the newer one's segment. */
function newest(candidates: readonly StoredSegment[], start: bigint): StoredSegment | undefined {
  const [first, ...rest] = candidates.filter((segment) => segment.start === start);
  if (!first) return undefined;
  return rest.reduce((a, b) => (b.timelineNumber > a.timelineNumber ? b : a), first);
}
