import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { createAdminSecret } from '@pgfleet/compute';
import type { Owner } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { ProjectId, TimelineId, TimelineReady, TimelineSpec } from '@pgfleet/contract';
import { syncDirectory } from '@pgfleet/kit';
import type { FileLock, Logger, SecretBox } from '@pgfleet/kit';
import type { Volume } from '@pgfleet/volume';
import type { HostLayout } from '../storage/host-layout.ts';
import { KeyedQueue } from '../storage/keyed-queue.ts';
import { RecordStore } from '../storage/record-store.ts';
import { requireRoom } from '../storage/require-room.ts';
import { formerTree, isUntouched } from './former-tree.ts';
import { ownerOf } from './owner.ts';
import type { MadeTree, MakeTree, RemakeOptions, RemakeOrder, RemakeTree } from './made-tree.ts';
import type { PostgresBuilds } from './postgres-builds.ts';
import { seizeTimelineLock } from './timeline-lock.ts';
import { isTimelineRecord } from './timeline-record.ts';
import type { TimelineRecord } from './timeline-record.ts';

const TREE_PREFIX = 'tl-';

export interface TimelinesOptions {
  readonly layout: HostLayout;
  readonly volume: Volume;
  readonly builds: PostgresBuilds;
  readonly secrets: SecretBox;
  readonly makeTree: MakeTree;
  readonly remakeTree: RemakeTree;
  /** Removes what is kept of the past of a timeline that is gone. */
  readonly forgetHistory: (timelineId: TimelineId) => Promise<void>;
  readonly log: Logger;
}

export interface PutOptions {
  /** The timeline serves one question and need not outlive the process. */
  readonly ephemeral?: boolean;
  /** The timeline that it is to follow. */
  readonly follows?: TimelineId;
  /**
   * The tree of the point of history that a copy is recovered from: from no other, and also where the
   * source lies there as it is wanted.
   */
  readonly from?: string;
  /** Nothing is left to the first launch, unless the specification says so. */
  readonly isWhole?: boolean;
  readonly signal?: AbortSignal;
}

/** Stops whatever runs on a timeline; afterwards nothing starts there any more. */
export type StopComputes = (timelineId: TimelineId) => Promise<void>;

/**
 * The timelines of a host: their records, trees and locks. What happens inside a running one is
 * the business of its compute.
 *
 * A record is written before its tree is made and removed after its tree is gone, so a crash
 * leaves nothing that {@link recover} or a repetition of the call does not find.
 */
export class Timelines {
  readonly #options: TimelinesOptions;
  readonly #records: RecordStore<TimelineRecord>;
  readonly #queue = new KeyedQueue();
  readonly #projectUids = new Map<ProjectId, number>();
  readonly #deleting = new Set<TimelineId>();
  readonly #remaking = new Set<TimelineId>();
  readonly #creations = new Map<TimelineId, AbortController>();
  /** What follows a timeline. */
  readonly #followers = new Map<TimelineId, Set<TimelineId>>();
  #isClosed = false;

  constructor(options: TimelinesOptions) {
    this.#options = options;
    const directory = options.layout.records('timelines');
    this.#records = new RecordStore({ directory, log: options.log, accepts: isTimelineRecord });
    for (const { spec, uid, follows } of this.#records.values()) {
      if (uid !== null) this.#projectUids.set(spec.projectId, uid);
      if (follows) this.#noteFollower(spec.timelineId, follows);
    }
  }

  /** Ends creations, which are begun again after the next start, and lets none begin. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ids = [...this.#creations.keys()];
    for (const creation of this.#creations.values()) creation.abort(stopping());
    await Promise.all(ids.map((timelineId) => this.#queue.run(timelineId, async () => undefined)));
  }

  /**
   * Finishes or throws away what a crash left half done, and what serves nobody any more: a timeline
   * that follows another one is kept where `isServed`.
   */
  async recover(stop: StopComputes, isServed: (timelineId: TimelineId) => boolean): Promise<void> {
    const { volume, log } = this.#options;
    const trees = new Set((await volume.list()).filter((tree) => tree.startsWith(TREE_PREFIX)));
    for (const tree of trees) {
      if (this.#records.knows(tree)) continue;
      log.warn({ timeline_id: tree }, 'tree without a record deleted');
      await this.discard(tree as TimelineId);
    }
    for (const [id, record] of this.#records.entries()) {
      const timelineId = id as TimelineId;
      const isPassing = record.ephemeral && !(record.follows && isServed(timelineId));
      if (record.state === 'deleting' || isPassing || isLongInTheMaking(record)) {
        await this.delete(timelineId, stop);
      } else if (record.state === 'creating' || record.pending) await this.#resume(record);
      else if (!trees.has(id)) await this.#reportLoss(record);
    }
  }

  /**
   * Makes the timeline exist, ready and durable; one that is ready takes over the retention. Returns
   * where its source was cut.
   */
  put(spec: TimelineSpec, options: PutOptions = {}): Promise<TimelineReady['origin']> {
    return this.#queue.run(spec.timelineId, async () => {
      const known = this.#records.get(spec.timelineId);
      if (known?.state === 'deleting' || this.#deleting.has(spec.timelineId)) {
        throw new PgfleetError('conflicting_operations');
      }
      if (known?.state !== 'ready') return this.#createUnlessStopped(spec, options);
      await this.#keepFor(known, spec.historyRetentionSeconds);
      return known.origin ?? null;
    });
  }

  /**
   * Whether a timeline still has to be recovered, which its first launch does. Whoever needs it otherwise
   * has it made once more with {@link remake}.
   */
  isPending(timelineId: TimelineId): boolean {
    return this.#records.get(timelineId)?.pending !== undefined;
  }

  /**
   * Makes a timeline again that was never opened, and all of it at once if it is to be `isWhole`, whether
   * its source is there or not. Nothing runs on it, and the caller sees to it that nothing starts. When it
   * cannot be made now, it is as it was, and that can be tried again.
   *
   * @throws PgfleetError `timeline_not_found`, at once where a deletion may wait for the caller.
   */
  async remake(
    timelineId: TimelineId,
    { isWhole, isBehind = false, signal }: RemakeOptions,
  ): Promise<void> {
    if (this.#deleting.has(timelineId)) throw new PgfleetError('timeline_not_found');
    await this.#queue.run(timelineId, async () => {
      const record = this.ready(timelineId);
      if (!isPendingRecord(record)) return;
      const { opensAtOnce: _, ...spec } = record.spec;
      const wanted = isWhole ? spec : record.spec;
      await this.#makeAgain(record, { spec: wanted, isWhole, isBehind, signal });
    });
  }

  // Control was told that it is there, and does not ask for it again: so its record says until it is
  // made what it is to be made of, and what lies there is given up no sooner.
  async #makeAgain(record: PendingRecord, order: Omit<RemakeOrder, 'lock'>): Promise<void> {
    const { spec, signal } = order;
    const { timelineId } = spec;
    const { volume, log } = this.#options;
    this.#remaking.add(timelineId);
    let isWanted = true;
    try {
      await this.#unlessStopped(timelineId, signal, async (either) => {
        either.addEventListener('abort', () => (isWanted = false), { once: true });
        await requireRoom(volume, { signal: either });
        using lock = await this.lock(timelineId, either);
        const made = await this.#remake(record, { ...order, lock, signal: either });
        const { pending: _, ...known } = record;
        const { origin = null } = record;
        await this.#noteMade({ ...known, spec }, { ...made, origin: origin ?? made.origin });
      });
    } catch (error) {
      const level = isWanted ? 'warn' : 'debug';
      log[level]({ err: error, timeline_id: timelineId }, 'timeline could not be made again');
      throw error;
    } finally {
      this.#remaking.delete(timelineId);
    }
    // What stays is found at the next start.
    await volume.remove(formerTree(timelineId)).catch((error: unknown) => {
      log.warn({ err: error, timeline_id: timelineId }, 'what a timeline was before stays');
    });
  }

  #remake(record: PendingRecord, order: RemakeOrder): Promise<MadeTree> {
    const { uid, pending, origin = null } = record;
    const ownSecret = this.#open(record, record.sealedSecret);
    const projectUid = this.#projectUids.get(record.spec.projectId);
    return this.#options.remakeTree(
      { ...order, ownSecret, projectUid, keepsHistory: true },
      { uid, pending, origin, inheritedSecrets: this.#inherited(record) },
    );
  }

  /** Resolves when a timeline is not being made again, during which it is not ready. */
  async remade(timelineId: TimelineId): Promise<void> {
    if (this.#remaking.has(timelineId)) await this.#queue.run(timelineId, async () => undefined);
  }

  /** Resolves when a timeline is not being made any more. */
  async made(timelineId: TimelineId): Promise<void> {
    if (this.#creations.has(timelineId)) await this.#queue.run(timelineId, async () => undefined);
  }

  /** Deletes tree, record and lock, and ends a creation; success when they are already gone. */
  delete(timelineId: TimelineId, stop: StopComputes): Promise<void> {
    this.#creations.get(timelineId)?.abort(new PgfleetError('timeline_not_found'));
    // Before it is its turn: whom it will wait for must not come to wait behind it.
    if (this.#records.get(timelineId)) this.#deleting.add(timelineId);
    return this.#queue.run(timelineId, async () => {
      const known = this.#records.get(timelineId);
      if (!known) {
        this.#deleting.delete(timelineId);
        return;
      }
      this.#deleting.add(timelineId);
      await this.#noteDeleting(timelineId, known);
      await stop(timelineId);
      await this.discard(timelineId);
      await this.#records.delete(timelineId);
      this.#forgetFollower(known);
      this.#deleting.delete(timelineId);
    });
  }

  /** Removes tree and lock, and whatever process still holds the lock. */
  async discard(timelineId: TimelineId): Promise<void> {
    using _lock = await this.lock(timelineId);
    await this.#removeFiles(timelineId);
  }

  async #removeFiles(timelineId: TimelineId): Promise<void> {
    const { layout, volume, forgetHistory } = this.#options;
    // Copies that are being made read the timeline's WAL as well: they are waited for here.
    await forgetHistory(timelineId);
    await volume.remove(timelineId);
    rmSync(layout.verifiers(timelineId), { force: true });
    rmSync(layout.lock(timelineId), { force: true });
  }

  /** Says whether there is a record of this timeline, even an unreadable one. */
  knows(timelineId: TimelineId): boolean {
    return this.#records.knows(timelineId);
  }

  /** @throws PgfleetError `timeline_not_found`, also while it is being made or deleted. */
  ready(timelineId: TimelineId): TimelineRecord {
    const record = this.#records.get(timelineId);
    if (!record || !this.isReady(timelineId)) throw new PgfleetError('timeline_not_found');
    return record;
  }

  isReady(timelineId: TimelineId): boolean {
    return this.isThere(timelineId) && !this.#remaking.has(timelineId);
  }

  /** Also while it is being made again. */
  isThere(timelineId: TimelineId): boolean {
    const isMade = this.#records.get(timelineId)?.state === 'ready';
    return isMade && !this.#deleting.has(timelineId);
  }

  /** The timelines that read on with this one. */
  followersOf(timelineId: TimelineId): readonly TimelineId[] {
    return [...(this.#followers.get(timelineId) ?? [])];
  }

  dataDirectory(timelineId: TimelineId): string {
    return this.#options.volume.path(timelineId);
  }

  owner({ uid }: TimelineRecord): { readonly owner?: Owner } {
    return ownerOf(uid);
  }

  /** Takes the right to touch the timeline's files, from whatever stray process has it. */
  lock(timelineId: TimelineId, signal?: AbortSignal): Promise<FileLock> {
    const lockPath = this.#options.layout.lock(timelineId);
    return seizeTimelineLock(this.#place(timelineId, lockPath), signal);
  }

  /** The record of a timeline in whatever state. */
  find(timelineId: TimelineId): TimelineRecord | undefined {
    return this.#records.get(timelineId);
  }

  values(): IterableIterator<TimelineRecord> {
    return this.#records.values();
  }

  /** What `cloud_admin`'s secret is or, while the specification is being applied, may be. */
  adminSecrets(record: TimelineRecord): readonly [string, ...string[]] {
    const own = this.#open(record, record.sealedSecret);
    const isOwn = record.specApplied && !record.follows;
    const [first, ...others] = isOwn ? [] : this.#inherited(record);
    return first === undefined ? [own] : [first, ...others, own];
  }

  /** Likewise, at any point of its past. */
  pastAdminSecrets(record: TimelineRecord): readonly [string, ...string[]] {
    return [this.#open(record, record.sealedSecret), ...this.#inherited(record)];
  }

  /**
   * Notes that roles are the tenant's from now on. A killed host does not forget it once this
   * resolves; that a power loss does not either follows a moment later, off the path of the wake. What
   * was recovered on the way has its origin only now.
   */
  async noteSpecApplied(
    timelineId: TimelineId,
    origin = this.ready(timelineId).origin,
  ): Promise<void> {
    const { pending: _, ...known } = this.ready(timelineId);
    const record = { ...known, specApplied: true, ...(origin !== undefined && { origin }) };
    await this.#records.put(timelineId, record, { durable: false });
    this.#records.put(timelineId, record).catch((error: unknown) => {
      this.#options.log.error({ err: error, timeline_id: timelineId }, 'record is not durable');
    });
  }

  // On a full disk the note cannot be written, but deleting is what makes room: go on without it.
  async #noteDeleting(timelineId: TimelineId, record: TimelineRecord): Promise<void> {
    try {
      await this.#records.put(timelineId, { ...record, state: 'deleting' });
    } catch (error) {
      this.#options.log.warn({ err: error, timeline_id: timelineId }, 'deletion is not noted');
    }
  }

  async #createUnlessStopped(
    spec: TimelineSpec,
    { signal, ...options }: PutOptions,
  ): Promise<TimelineReady['origin']> {
    return this.#unlessStopped(spec.timelineId, signal, (either) =>
      this.#create(spec, { ...options, signal: either }),
    );
  }

  /** Does work that the end of the host, or of the timeline, ends. */
  async #unlessStopped<T>(
    timelineId: TimelineId,
    signal: AbortSignal | undefined,
    work: (either: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#isClosed) throw stopping();
    const creation = new AbortController();
    this.#creations.set(timelineId, creation);
    try {
      return await work(signal ? AbortSignal.any([creation.signal, signal]) : creation.signal);
    } finally {
      this.#creations.delete(timelineId);
    }
  }

  async #create(
    spec: TimelineSpec,
    { ephemeral = false, follows, from, isWhole = false, signal }: PutOptions,
  ): Promise<TimelineReady['origin']> {
    const { volume, builds, secrets, makeTree, forgetHistory } = this.#options;
    const { timelineId, projectId } = spec;
    const start = performance.now();
    await builds.view(spec.pgMajor);
    await requireRoom(volume, { signal });
    using lock = await this.lock(timelineId, signal);
    const ownSecret = createAdminSecret();
    const sealedSecret = secrets.seal(ownSecret, secretContext(timelineId));
    const marks = { ...(ephemeral && { ephemeral }), ...(follows && { follows }) };
    const draft = { spec, sealedSecret, uid: null, specApplied: false, ...marks } as const;
    try {
      await this.#records.put(timelineId, { ...draft, state: 'creating' }, { durable: false });
      if (follows) this.#noteFollower(timelineId, follows);
      // What an earlier attempt left.
      await forgetHistory(timelineId);
      await volume.remove(timelineId);
      const projectUid = this.#projectUids.get(projectId);
      const wish = { keepsHistory: !ephemeral, follows, from, isWhole };
      const made = await makeTree({ spec, ownSecret, projectUid, ...wish, lock, signal });
      if (made.uid !== null) this.#projectUids.set(projectId, made.uid);
      await this.#noteMade({ ...draft, state: 'ready' }, made);
      this.#options.log.info(
        { timeline_id: timelineId, project_id: projectId, ms: performance.now() - start },
        'timeline made',
      );
      return made.origin;
    } catch (error) {
      // Whoever asked is told the kind of failure; what Postgres said is for the log.
      const isTheirs = error instanceof PgfleetError && error.code === 'masking_refused';
      const level = isTheirs ? 'info' : 'warn';
      this.#options.log[level](
        { err: error, timeline_id: timelineId },
        'timeline could not be made',
      );
      if (!this.#isClosed) await this.#takeBack({ ...draft, state: 'creating' });
      throw error;
    }
  }

  // Who asked may never ask again. What cannot be removed now is found at the next start.
  async #takeBack(record: TimelineRecord): Promise<void> {
    const { timelineId } = record.spec;
    try {
      await this.#removeFiles(timelineId);
      await this.#records.delete(timelineId, { durable: false });
      this.#forgetFollower(record);
    } catch (error) {
      this.#options.log.warn({ err: error, timeline_id: timelineId }, 'half a timeline stays');
    }
  }

  async #noteMade(
    draft: TimelineRecord,
    { uid, specApplied, origin, inheritedSecrets, beginning, pending }: MadeTree,
  ): Promise<void> {
    const { secrets, volume } = this.#options;
    const { timelineId } = draft.spec;
    const context = secretContext(timelineId);
    const sealedInherited = inheritedSecrets.map((secret) => secrets.seal(secret, context));
    const record = {
      ...draft,
      uid,
      specApplied,
      origin,
      sealedInherited,
      ...(beginning && { beginning }),
      ...(pending && { pending }),
    };
    await Promise.all([
      syncDirectory(dirname(volume.path(timelineId))),
      this.#records.put(timelineId, record),
    ]);
  }

  async #noteCreating(record: TimelineRecord): Promise<void> {
    const { pending: _, ...known } = record;
    await this.#records.put(known.spec.timelineId, { ...known, state: 'creating' });
  }

  async #keepFor(record: TimelineRecord, historyRetentionSeconds: number): Promise<void> {
    if (record.spec.historyRetentionSeconds === historyRetentionSeconds) return;
    const spec = { ...record.spec, historyRetentionSeconds };
    await this.#records.put(spec.timelineId, { ...record, spec });
  }

  #noteFollower(timelineId: TimelineId, follows: TimelineId): void {
    const known = this.#followers.get(follows) ?? new Set();
    this.#followers.set(follows, known.add(timelineId));
  }

  #forgetFollower({ spec, follows }: TimelineRecord): void {
    const others = follows && this.#followers.get(follows);
    if (!others) return;
    others.delete(spec.timelineId);
    if (others.size === 0) this.#followers.delete(follows);
  }

  #inherited(record: TimelineRecord): readonly string[] {
    return (record.sealedInherited ?? []).map((sealed) => this.#open(record, sealed));
  }

  #open({ spec }: TimelineRecord, sealed: string): string {
    return this.#options.secrets.open(sealed, secretContext(spec.timelineId));
  }

  // Where a stray would be, whose endpoint nobody remembers: its data and its lock tell enough.
  #place(timelineId: TimelineId, lockPath: string) {
    const dataDirectory = this.dataDirectory(timelineId);
    return { dataDirectory, lockPath, socketDirectory: '' };
  }

  async #resume(record: TimelineRecord): Promise<void> {
    const { spec } = record;
    try {
      if (isPendingRecord(record)) {
        if (await isUntouched(this.#options.volume, spec.timelineId)) return;
        await this.#queue.run(spec.timelineId, () => this.#makeAgain(record, { spec }));
        return;
      }
      if (record.state !== 'creating') await this.#noteCreating(record);
      await this.put(spec);
    } catch (error) {
      this.#options.log.warn(
        { err: error, timeline_id: spec.timelineId },
        'creation of a timeline could not be resumed; it is tried again when control asks',
      );
    }
  }

  // A tree that was never opened can be made again; one that was is beyond the host's means.
  async #reportLoss(record: TimelineRecord): Promise<void> {
    const { timelineId } = record.spec;
    if (!record.specApplied) return this.#resume(record);
    this.#options.log.error({ timeline_id: timelineId }, 'tree of a timeline is missing');
  }
}

type PendingRecord = TimelineRecord & Required<Pick<TimelineRecord, 'pending'>>;

function isPendingRecord(record: TimelineRecord | undefined): record is PendingRecord {
  return record?.pending !== undefined;
}

// A host does not serve before its timelines are made: control asks for this one again.
function isLongInTheMaking({ state, spec }: TimelineRecord): boolean {
  return state === 'creating' && spec.source.kind === 'masked';
}

const stopping = () => new PgfleetError('unavailable', { message: 'the host is stopping' });
const secretContext = (timelineId: TimelineId) => `timeline ${timelineId}`;
