import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PgfleetError } from '@pgfleet/contract';
import type { LostWindow, TimelineId } from '@pgfleet/contract';
import { readJsonFile, syncDirectory, writeFileAtomic } from '@pgfleet/kit';
import { KeyedQueue } from '../storage/keyed-queue.ts';
import {
  comparePoints,
  fromPointRecord,
  isPointRecord,
  nearestPoint,
  toPointRecord,
} from './point-record.ts';
import type { Point, PointRecord, PointTarget } from './point-record.ts';

// What the status of a timeline may list.
const MAX_LOST = 100;

/** Where the live tree of a timeline came to rest, cleanly and durably. */
export interface Rest {
  readonly lsn: string;
  /** RFC 3339, UTC. */
  readonly at: string;
}

interface HistoryFile {
  readonly points: readonly PointRecord[];
  readonly lost: readonly LostWindow[];
  readonly rest: Rest | null;
}

interface State {
  readonly points: readonly Point[];
  readonly lost: readonly LostWindow[];
  readonly rest: Rest | null;
}

/**
 * What a host knows of the history of one timeline, in one JSON file that is read when somebody
 * asks and written, durably, before memory changes. No file: a timeline without history.
 *
 * A point is added after its tree is complete and removed before its tree is: a crash leaves trees
 * without a point, never a point without its tree. One object at a time may be open for a timeline.
 */
export class Points {
  readonly #path: string;
  readonly #directory: string;
  readonly #queue = new KeyedQueue();
  #state: State;

  private constructor(directory: string, timelineId: TimelineId, state: State) {
    this.#directory = directory;
    this.#path = historyPath(directory, timelineId);
    this.#state = state;
  }

  /** Creates the directory and removes what a crash left in it. Before anything is opened. */
  static async prepare(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(directory)) {
      if (name.endsWith('.tmp')) await rm(join(directory, name), { force: true });
    }
  }

  /** @throws PgfleetError `history_damaged` when the file cannot be understood. */
  static open(directory: string, timelineId: TimelineId): Points {
    return new Points(directory, timelineId, readState(historyPath(directory, timelineId)));
  }

  /** Points that can be replayed from, oldest first. */
  all(): readonly Point[] {
    return this.#state.points;
  }

  /** From where on the timeline can be restored; `undefined` when it has no point. */
  get oldest(): Point | undefined {
    return this.#state.points[0];
  }

  get newest(): Point | undefined {
    return this.#state.points.at(-1);
  }

  /** The newest point from which a target can be reached; `undefined` when none is old enough. */
  nearest(target: PointTarget): Point | undefined {
    return nearestPoint(this.#state.points, target);
  }

  /** Stretches that cannot be restored any more, in the order in which they were found. */
  get lost(): readonly LostWindow[] {
    return this.#state.lost;
  }

  /** Where the live tree rests; null while Postgres runs, or was not stopped cleanly. */
  get rest(): Rest | null {
    return this.#state.rest;
  }

  /** Adds a point; one with the same id is replaced. */
  add(point: Point): Promise<void> {
    return this.#change(({ points }) => {
      const others = points.filter(({ pointId }) => pointId !== point.pointId);
      return { points: [...others, point].sort(comparePoints) };
    });
  }

  /** Forgets points; their trees are the caller's to remove afterwards. */
  remove(pointIds: readonly string[]): Promise<void> {
    if (pointIds.length === 0) return Promise.resolve();
    return this.#change(({ points }) => ({
      points: points.filter(({ pointId }) => !pointIds.includes(pointId)),
    }));
  }

  /** Notes a lost stretch; one that begins at the same place is replaced, the oldest give way. */
  addLost(window: LostWindow): Promise<void> {
    return this.#change(({ lost }) => {
      const others = lost.filter(({ fromLsn }) => fromLsn !== window.fromLsn);
      return { lost: [...others, window].slice(-MAX_LOST) };
    });
  }

  /** Forgets those lost stretches that nobody may ask for any more. */
  removeLost(isOver: (window: LostWindow) => boolean): Promise<void> {
    if (!this.#state.lost.some(isOver)) return Promise.resolve();
    return this.#change(({ lost }) => ({ lost: lost.filter((window) => !isOver(window)) }));
  }

  setRest(rest: Rest | null): Promise<void> {
    return this.#change(() => ({ rest }));
  }

  /** Removes the file; there being none is no error. */
  forget(): Promise<void> {
    return this.#queue.run(this.#path, async () => {
      await rm(this.#path, { force: true });
      await syncDirectory(this.#directory);
      this.#state = empty;
    });
  }

  #change(change: (state: State) => Partial<State>): Promise<void> {
    return this.#queue.run(this.#path, async () => {
      const state = { ...this.#state, ...change(this.#state) };
      const file: HistoryFile = { ...state, points: state.points.map(toPointRecord) };
      await writeFileAtomic(this.#path, JSON.stringify(file));
      this.#state = state;
    });
  }
}

const empty: State = { points: [], lost: [], rest: null };

function historyPath(directory: string, timelineId: TimelineId): string {
  return join(directory, `${timelineId}.json`);
}

function readState(path: string): State {
  try {
    const file = readJsonFile(path);
    if (file === undefined) return empty;
    if (!isHistoryFile(file)) throw new Error(`${path} is no history of a timeline`);
    return { ...file, points: file.points.map(fromPointRecord).sort(comparePoints) };
  } catch (error) {
    throw new PgfleetError('history_damaged', { cause: error });
  }
}

function isHistoryFile(value: unknown): value is HistoryFile {
  if (typeof value !== 'object' || value === null) return false;
  const file = value as Partial<Record<keyof HistoryFile, unknown>>;
  if (!Array.isArray(file.points) || !Array.isArray(file.lost)) return false;
  return file.points.every(isPointRecord) && typeof file.rest === 'object';
}
