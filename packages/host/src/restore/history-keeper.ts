import { ADMIN_ROLE, ComputeError, DataDirectory, readControlFile } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import type { ComputeRun } from '../endpoints/compute-run.ts';
import type { PointRecord } from '../history/history-record.ts';
import { toHostError } from '../host-error.ts';
import { isPointDue, isRestPointDue, planRetention } from '../history/retention.ts';
import { parseLsn, parseSegmentName } from '../history/wal-segment.ts';
import { needsPoint, withoutPoints } from '../history/lost-window.ts';
import { requireRoom, ROOM_FOR_OTHERS_BYTES } from '../storage/require-room.ts';
import { Semaphore } from '../storage/semaphore.ts';
import { captureRestingPoint, captureRunningPoint } from './capture-point.ts';
import { countFrom, giveBackUnused, isLongBorrowed } from './borrowed.ts';
import type { CopyParts } from './copy-parts.ts';
import { dropPoints } from './drop-points.ts';
import { ensureRestMark } from './ensure-rest-mark.ts';

const AT_ONCE = 4;
const RETURN_MS = 60_000;
// Most branches that are opened at all are opened soon.
const UNOPENED_MS = 600_000;

/** What one look at a running timeline's WAL showed. */
interface WalSight {
  /** The start of the newest segment, which is as exact as it gets without asking Postgres. */
  readonly newestLsn: bigint;
  readonly changedMs: number;
  /** Whether there is more than the segment that is being written. */
  readonly hasFinished: boolean;
}

/**
 * Keeps the past of timelines, but for those that only show the past of others: takes points of
 * history when enough was written, moves finished WAL out of the way of Postgres, and lets go of
 * what nobody can ask for any more.
 *
 * Runs beside computes and never in the way of one: a launch interrupts it.
 */
export class HistoryKeeper {
  readonly #parts: CopyParts;
  readonly #busy = new Map<TimelineId, Promise<void>>();
  /** Running timelines that are being looked after, or wait for it. */
  readonly #seen = new Set<TimelineId>();
  /** Those whose last look failed, which has been told. */
  readonly #behind = new Set<TimelineId>();
  /** Copies that nobody opened and that could not be recovered. */
  readonly #unfinished = new Map<TimelineId, 'failed' | 'hopeless'>();
  readonly #places = new Semaphore(AT_ONCE);
  readonly #closing = new AbortController();

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  /** Looks after the timelines of running computes; those still being looked after are left out. */
  async look(runs: readonly ComputeRun[]): Promise<void> {
    const others = runs.filter(({ timelineId }) => !this.#seen.has(timelineId));
    await Promise.all(others.map((run) => this.#lookAfter(run)));
  }

  async #lookAfter(run: ComputeRun): Promise<void> {
    const { timelineId } = run;
    this.#seen.add(timelineId);
    try {
      await this.#places.run(() => this.#once(timelineId, () => this.#lookUnlessItEnds(run)));
    } finally {
      this.#seen.delete(timelineId);
    }
  }

  /** Freezes a timeline that has just gone to rest, if it wrote enough since it was last frozen. */
  rested(timelineId: TimelineId): Promise<void> {
    return this.#once(timelineId, async () => {
      await this.#freezeAtRest(timelineId);
      await this.#letGo(timelineId);
    });
  }

  /**
   * Lets go of what has become too old, of all timelines, one after the other. Then recovers what nobody
   * opened: so it is known to be whole, and needs nothing of its source any more.
   */
  async tidyUp(): Promise<void> {
    const { timelines } = this.#parts;
    const ids = [...timelines.values()].map(({ spec }) => spec.timelineId);
    for (const timelineId of ids) {
      if (this.#closing.signal.aborted) return;
      await this.expire(timelineId);
    }
    for (const timelineId of ids.filter((id) => timelines.isPending(id))) {
      await this.#once(timelineId, () => this.#complete(timelineId));
    }
  }

  /** Lets go of what of a timeline has become too old. */
  expire(timelineId: TimelineId): Promise<void> {
    return this.#once(timelineId, async () => {
      await this.#settleLoan(timelineId);
      await this.#letGo(timelineId);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#busy.values());
  }

  async #once(timelineId: TimelineId, work: () => Promise<void>): Promise<void> {
    while (this.#busy.has(timelineId)) await this.#busy.get(timelineId);
    if (this.#closing.signal.aborted || !this.#hasHistory(timelineId)) return;
    const running = work()
      .then(() => void this.#behind.delete(timelineId))
      .catch((error: unknown) => this.#report(error, timelineId))
      .finally(() => this.#busy.delete(timelineId));
    this.#busy.set(timelineId, running);
    await running;
  }

  #hasHistory(timelineId: TimelineId): boolean {
    const { timelines } = this.#parts;
    return timelines.isReady(timelineId) && timelines.ready(timelineId).ephemeral !== true;
  }

  #report(error: unknown, timelineId: TimelineId): void {
    if (this.#closing.signal.aborted) return;
    const isInterrupted = isLocked(error);
    const isNoNews = this.#behind.has(timelineId) || !this.#parts.timelines.isReady(timelineId);
    const level = isInterrupted || isNoNews ? 'debug' : 'warn';
    if (level === 'warn') this.#behind.add(timelineId);
    this.#parts.log[level]({ err: error, timeline_id: timelineId }, 'history is not up to date');
  }

  // One that is sent to rest, or leaves its timeline, cuts off whoever works in it.
  async #lookUnlessItEnds(run: ComputeRun): Promise<void> {
    try {
      await this.#lookAt(run);
    } catch (error) {
      throw run.isUsable ? error : new PgfleetError('timeline_locked', { cause: error });
    }
  }

  async #lookAt(run: ComputeRun): Promise<void> {
    const { histories, volume } = this.#parts;
    const { timelineId } = run;
    const sight = await this.#see(timelineId);
    if (!sight) return;
    const history = await histories.get(timelineId);
    const last = history.points.at(-1);
    const isDue = isPointDue({
      isLost: needsPoint(history),
      walBytesSinceLast: last ? Number(sight.newestLsn - parseLsn(last.endLsn)) : null,
      ownWalBytes: last ? Number(sight.newestLsn - countFrom(history, last.endLsn)) : 0,
      quietMs: Date.now() - sight.changedMs,
      msSinceLast: last ? Date.now() - Date.parse(last.at) : Number.POSITIVE_INFINITY,
      lastCloneMs: last?.cloneMs ?? 0,
      driverCopies: !volume.copyOnWrite,
      dataBytes: history.logicalBytes ?? 0,
    });
    if (isDue) await captureRunningPoint(this.#parts, run, this.#closing.signal);
    if (isDue || sight.hasFinished) {
      // Replicas that waited for it to start need a moment to come back.
      const isYoung = Date.now() - run.startedAt.getTime() < RETURN_MS;
      await this.#collect(timelineId, async () => (isYoung ? 0n : oldestAwaitedLsn(run)));
    }
    if (!isDue) return;
    await this.#letGo(timelineId);
    await this.#defragment(timelineId, last);
  }

  // Clones come from the newest point, and take as long as it is scattered. Putting it together
  // writes no more than the tenant did since the last one.
  async #defragment(timelineId: TimelineId, before: PointRecord | undefined): Promise<void> {
    const { histories, volume } = this.#parts;
    const newest = (await histories.get(timelineId)).points.at(-1);
    if (volume.driver !== 'reflink' || !before || !newest || newest === before) return;
    const maxBytes = Number(parseLsn(newest.redoLsn) - parseLsn(before.redoLsn));
    const { signal } = this.#closing;
    const done = await volume.defragment(newest.tree, { maxBytes, signal });
    this.#parts.log.debug({ timeline_id: timelineId, ...done }, 'point of history put together');
  }

  async #see(timelineId: TimelineId): Promise<WalSight | undefined> {
    using files = DataDirectory.open(this.#parts.timelines.dataDirectory(timelineId));
    const names = (await files.list('pg_wal')).filter((name) => parseSegmentName(name));
    const newest = names.sort().at(-1);
    if (newest === undefined) return undefined;
    const changedMs = files.stat(`pg_wal/${newest}`)?.changedMs ?? 0;
    const hasFinished = names.length > 1;
    return { newestLsn: parseSegmentName(newest)!.start, changedMs, hasFinished };
  }

  async #settleLoan(timelineId: TimelineId): Promise<void> {
    const { histories, claims } = this.#parts;
    if (claims.isClaimed(timelineId)) return;
    // A launch that comes meanwhile waits: it relies on what it finds.
    await claims.atRest(timelineId, () => giveBackUnused(this.#parts, timelineId));
    if (!isLongBorrowed(await histories.get(timelineId), timelineId)) return;
    await this.#freezeAtRest(timelineId);
  }

  async #complete(timelineId: TimelineId): Promise<void> {
    const { claims, timelines, volume } = this.#parts;
    const { pending, origin } = timelines.ready(timelineId);
    // One whose beginning control was not told is its own to ask for again.
    if (!pending || !origin || this.#unfinished.get(timelineId) === 'hopeless') return;
    if (Date.now() - Date.parse(origin.at) < UNOPENED_MS) return;
    const { signal } = this.#closing;
    try {
      await requireRoom(volume, { reservedBytes: ROOM_FOR_OTHERS_BYTES, signal });
      const remake = (either: AbortSignal) =>
        timelines.remake(timelineId, { isWhole: true, isBehind: true, signal: either });
      await claims.atRest(timelineId, remake, { yields: true, signal });
      this.#unfinished.delete(timelineId);
    } catch (error) {
      if (isLocked(error) || signal.aborted || !timelines.isReady(timelineId)) throw error;
      this.#reportUnfinished(error, timelineId);
    }
  }

  #reportUnfinished(error: unknown, timelineId: TimelineId): void {
    const { log } = this.#parts;
    const fields = { err: error, timeline_id: timelineId };
    const isNews = !this.#unfinished.has(timelineId);
    this.#unfinished.set(timelineId, isBeyondRepair(error) ? 'hopeless' : 'failed');
    if (isBeyondRepair(error)) log.error(fields, 'a copy cannot be recovered');
    else log[isNews ? 'warn' : 'debug'](fields, 'a copy is not recovered yet');
  }

  // Postgres itself needs what comes after its last checkpoint, and what its slots and its standbys
  // wait for.
  async #collect(
    timelineId: TimelineId,
    oldestAwaited: () => Promise<bigint | undefined>,
  ): Promise<void> {
    const { walStores, timelines } = this.#parts;
    const dataDirectory = timelines.dataDirectory(timelineId);
    const { redoLsn } = readControlFile(dataDirectory);
    const store = await walStores.of(timelineId);
    using files = DataDirectory.open(dataDirectory);
    const hasSlots = (await files.list('pg_replslot')).length > 0;
    const isAwaited = hasSlots || timelines.followersOf(timelineId).length > 0;
    const awaited = isAwaited ? await oldestAwaited() : undefined;
    const before = awaited !== undefined && awaited < redoLsn ? awaited : redoLsn;
    await store.collect({ dataDirectory: files, before, signal: this.#closing.signal });
  }

  async #freezeAtRest(timelineId: TimelineId): Promise<void> {
    const { claims, timelines, histories, volume } = this.#parts;
    if (timelines.isPending(timelineId)) return;
    const work = async (signal: AbortSignal) => {
      using lock = await timelines.lock(timelineId, signal);
      const rest = await ensureRestMark(this.#parts, timelineId, { lock, signal });
      const history = await histories.get(timelineId);
      const last = history.points.at(-1);
      const isDue = isRestPointDue({
        isLost: needsPoint(history),
        isBorrowed: isLongBorrowed(history, timelineId),
        walBytesSinceLast: last
          ? Number(parseLsn(rest.lsn) - countFrom(history, last.consistentLsn))
          : null,
        driverCopies: !volume.copyOnWrite,
        dataBytes: history.logicalBytes ?? 0,
      });
      // What slots and standbys wait for is not known at rest: then all stays.
      await this.#collect(timelineId, async () => 0n);
      if (isDue) await captureRestingPoint(this.#parts, { timelineId, rest }, signal);
    };
    await claims.atRest(timelineId, work, { yields: true, signal: this.#closing.signal });
  }

  #letGo(timelineId: TimelineId): Promise<void> {
    return this.#parts.histories.removing(timelineId, () => this.#removeOld(timelineId));
  }

  async #removeOld(timelineId: TimelineId): Promise<void> {
    const { histories, volume, timelines, walStores } = this.#parts;
    const { spec } = timelines.ready(timelineId);
    const history = await histories.get(timelineId);
    const { drop, walBefore } = planRetention({
      points: history.points,
      now: new Date(),
      retentionSeconds: spec.historyRetentionSeconds,
      ...(volume.copyOnWrite ? {} : { copiedBytes: history.logicalBytes ?? 0 }),
    });
    if (drop.length > 0) {
      const dropped = new Set(drop.map(({ tree }) => tree));
      await histories.update(timelineId, (present) => withoutPoints(present, dropped));
      await dropPoints(this.#parts, timelineId, dropped);
    }
    if (walBefore === null) return;
    const store = await walStores.of(timelineId);
    await store.expire({ before: walBefore });
  }
}

async function oldestAwaitedLsn(run: ComputeRun): Promise<bigint | undefined> {
  const rows = await run.use((connection) =>
    connection.query<{ lsn: string | null }>(
      `SELECT least((SELECT min(restart_lsn) FROM pg_replication_slots),
          (SELECT min(flush_lsn) FROM pg_stat_replication WHERE usename = $1))::text AS lsn`,
      [ADMIN_ROLE],
    ),
  );
  const lsn = rows[0]?.lsn;
  return lsn === null || lsn === undefined ? undefined : parseLsn(lsn);
}

// Another attempt would find the same.
function isBeyondRepair(error: unknown): boolean {
  const { code } = toHostError(error);
  return code === 'history_damaged' || code === 'point_not_available';
}

// By a launch, or by another process that still has it.
function isLocked(error: unknown): boolean {
  const isNamed = error instanceof PgfleetError || error instanceof ComputeError;
  return isNamed && error.code === 'timeline_locked';
}
