import { PgfleetError } from '@pgfleet/contract';
import type {
  ComputeState,
  EndpointSpec,
  EndpointStatus,
  StartResponse,
  TimelineId,
} from '@pgfleet/contract';
import { sleep, withDeadline } from '@pgfleet/kit';
import { toHostError } from '../host-error.ts';
import { computeTransition } from './compute-machine.ts';
import type { ComputeEffect, ComputeEvent } from './compute-machine.ts';
import type { ComputeParts, ComputeRecord } from './compute-parts.ts';
import { besides } from './compute-place.ts';
import type { ComputePlace } from './compute-place.ts';
import { ComputeRun } from './compute-run.ts';
import { IdleWatch } from './idle-watch.ts';
import { endFollowing } from './follower.ts';
import { openCompute } from './open-compute.ts';
import { isAllowed, requireAllowed } from './require-allowed.ts';
import { computeSpec, isReplica, servedTimelineId } from './served-timeline.ts';
import { Successor } from './successor.ts';
import { UsageMeter } from './usage-meter.ts';
import type { UsageRecord } from './usage-meter.ts';

export interface EndpointParts extends ComputeParts {
  /** How long a caller of `start` waits; the launch itself goes on. */
  readonly startTimeoutMs: number;
  /** How long a launch may take: a recovery that were cut off would never get to its end. */
  readonly launchTimeoutMs: number;
  /** Called at every change of state. */
  readonly onChange: (endpoint: Endpoint) => void;
  /** Called when a compute has stopped, for whatever reason. */
  readonly onRest: (endpoint: Endpoint, timelineId: TimelineId) => void;
}

// One segment of WAL, and a little more.
const START_NEEDS_BYTES = 20 * 1024 * 1024;
// Who has waited for a launch gets this long to get in before somebody else's suspend; otherwise
// suspends that come faster than launches would keep clients out for good.
const ENTRY_MS = 250;
// Who is connected and does nothing for so long loses little by a compute that starts again.
const OUTDATED_TIMEOUT_MS = 1000;
// How long clients may take to end what they are doing before a compute that has to start again.
const QUIET_PATIENCE_MS = 10_000;
const QUIET_INTERVAL_MS = 50;

/** One endpoint: its specification, the state of its compute, and what it uses. */
export class Endpoint {
  readonly usage: UsageMeter;
  connections = 0;
  readonly #parts: EndpointParts;
  readonly #idleWatch: IdleWatch;
  #spec: EndpointSpec;
  #state: ComputeState = 'idle';
  #run: ComputeRun | undefined;
  /** Of the compute that runs, or ran last. */
  #place: ComputePlace = 'first';
  #successor: Successor | undefined;
  /** The transition that is going on, or went on last; its failure is handled by who waits. */
  #settled: Promise<void> = Promise.resolve();
  #ending: 'rest' | 'destroy' = 'rest';
  #launchedMs = Number.NEGATIVE_INFINITY;
  #launching: AbortController | undefined;
  readonly #closing = new AbortController();

  constructor(parts: EndpointParts, spec: EndpointSpec, usage: UsageRecord | undefined) {
    this.#parts = parts;
    this.#spec = spec;
    this.usage = new UsageMeter(usage);
    this.#idleWatch = new IdleWatch(parts.log, () => this.#restInBackground());
  }

  get spec(): EndpointSpec {
    return this.#spec;
  }

  get state(): ComputeState {
    return this.#state;
  }

  /** The running compute. */
  get running(): ComputeRun | undefined {
    return this.#state === 'active' ? this.#run : undefined;
  }

  /** Where the compute listens; null unless it runs. */
  get socketPath(): string | null {
    return this.running?.socketPath ?? null;
  }

  /** The timeline that the compute runs on, or would run on. */
  get timelineId(): TimelineId {
    return this.#run?.timelineId ?? this.servedTimelineId;
  }

  /** The timeline that its compute is to run on. */
  get servedTimelineId(): TimelineId {
    return servedTimelineId(this.#spec);
  }

  status(): EndpointStatus {
    const { activeSeconds, bytesOut, written, lastActiveAt, startedAt, suspendedAt, startError } =
      this.usage.read();
    return {
      endpointId: this.#spec.endpointId,
      generation: this.#spec.generation,
      state: this.#state,
      connections: this.connections,
      lastActiveAt,
      startedAt,
      suspendedAt,
      activeSeconds,
      bytesOut,
      writtenBytes: written.bytes,
      startError,
    };
  }

  /**
   * Makes the compute run; callers that come meanwhile share one launch. One that runs is taken to
   * be in use from now on, so that it is not suspended before its caller has got in.
   *
   * @throws PgfleetError `endpoint_disabled`, `branch_unmasked`, `quota_exceeded`, `compute_start_failed`,
   * `compute_start_timeout`, `timeline_not_found`, `timeline_locked`, `disk_full`, `unavailable` while the host stops.
   */
  start(signal?: AbortSignal): Promise<StartResponse> {
    return this.#inTime((deadline) => this.#start(deadline), signal);
  }

  /**
   * Opens a timeline beside the one that is served. Nobody gets in before the endpoint goes over to it,
   * which is when its specification names it.
   *
   * @throws PgfleetError as {@link start} does.
   */
  openNext(timelineId: TimelineId): Promise<void> {
    // A replica cannot follow what does not run yet.
    if (isReplica(this.#spec)) return Promise.resolve();
    return this.#inTime(async (deadline) => {
      while (timelineId !== this.#spec.timelineId) {
        deadline.throwIfAborted();
        this.#closing.signal.throwIfAborted();
        requireAllowed(this.#spec);
        const next = this.#successor;
        if (next && next.timelineId === timelineId && !next.isOver) return next.opened;
        if (next && !next.isOver) await next.end('rest');
        else this.#successor = this.#openBeside(timelineId);
      }
    });
  }

  /** Ends what was opened on a timeline that is being deleted. */
  async dropNext(timelineId: TimelineId): Promise<void> {
    if (this.#successor?.timelineId === timelineId) await this.#successor.end('destroy');
  }

  /** Resolves when no process of the compute is left. */
  async suspend(): Promise<void> {
    this.#giveUpReplica();
    while (this.#state !== 'idle') {
      if (this.#entryMs > 0) await sleep(this.#entryMs);
      if (this.#state === 'active' && this.#entryMs <= 0) this.#apply('suspend');
      await this.#settled.catch(ignore);
    }
  }

  /** Like {@link suspend}, for data that is about to be deleted. */
  async destroy(): Promise<void> {
    this.#ending = 'destroy';
    await this.suspend();
  }

  /** Lets nothing start any more, and suspends; whoever waits for a start is told `reason`. */
  async close(reason: PgfleetError): Promise<void> {
    this.#closing.abort(reason);
    await Promise.all([this.suspend(), this.#successor?.end('rest')]);
  }

  /** Takes over a compute that an earlier host process left running; `false` when it is gone. */
  async adopt(record: ComputeRecord): Promise<boolean> {
    const run = await ComputeRun.adopt(this.#parts, record);
    if (!run) {
      this.usage.abandon();
      return false;
    }
    this.#parts.claims.claim(run.timelineId, this.#spec.endpointId);
    this.#parts.claims.seat(run);
    this.#run = run;
    this.#place = run.place;
    this.usage.resume(run.startedAt);
    this.#apply('adopted');
    if (!this.#isRunnable(run)) await this.suspend();
    else this.#renewInBackground(run);
    return true;
  }

  /**
   * Takes a newer specification. What cannot change while Postgres runs waits for the next start,
   * which comes as soon as nothing is going on. What runs on another timeline than the one it names has
   * ended when this resolves.
   *
   * @throws PgfleetError `invalid_request` when Postgres does not accept its settings.
   */
  async configure(spec: EndpointSpec): Promise<void> {
    const isAnotherTimeline = servedTimelineId(spec) !== this.timelineId;
    this.#spec = spec;
    if (isAnotherTimeline) return this.#changeOver();
    const { running } = this;
    if (!running) return;
    if (this.#isRunnable(running)) return this.#renew(running);
    this.#restInBackground();
  }

  /**
   * Suspends a compute that has to start again for its settings, once nothing is going on in it or
   * its clients have had their time to end it.
   */
  async suspendOutdated(): Promise<void> {
    const end = performance.now() + QUIET_PATIENCE_MS;
    for (let { running } = this; running?.isOutdated; { running } = this) {
      const { busyBackends } = await running.activity();
      if (busyBackends === 0 || performance.now() >= end) return this.suspend();
      await sleep(QUIET_INTERVAL_MS);
    }
  }

  /** Notes traffic, the last of it `quietMs` milliseconds ago. */
  noteTraffic(traffic: { readonly bytesOut: number; readonly quietMs: number }): void {
    this.usage.sent(traffic.bytesOut);
    if (this.#state !== 'active') return;
    this.usage.active(traffic.quietMs);
    this.#idleWatch.touch(traffic.quietMs);
  }

  /** Resolves when no start or stop is going on. */
  async settle(): Promise<void> {
    while (this.#state === 'starting' || this.#state === 'suspending') {
      await this.#settled.catch(ignore);
    }
  }

  /** For how long yet those who waited for the launch may get in; nobody does at the end. */
  get #entryMs(): number {
    const isEnding = this.#closing.signal.aborted || this.#ending === 'destroy';
    return isEnding ? 0 : this.#launchedMs + ENTRY_MS - performance.now();
  }

  get #idleTimeoutMs(): number {
    const seconds = this.#spec.suspendTimeoutSeconds;
    const timeoutMs = seconds === -1 ? Number.POSITIVE_INFINITY : seconds * 1000;
    return this.#run?.isOutdated ? Math.min(timeoutMs, OUTDATED_TIMEOUT_MS) : timeoutMs;
  }

  async #inTime<T>(work: (deadline: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await withDeadline(work, {
        what: 'the compute to start',
        timeoutMs: this.#parts.startTimeoutMs,
        ...(signal && { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw toHostError(error, 'compute_start_failed');
    }
  }

  #openBeside(timelineId: TimelineId): Successor {
    const { launchTimeoutMs: timeoutMs } = this.#parts;
    const place = besides(this.#place);
    const options = { place, timeoutMs, signal: this.#closing.signal };
    return new Successor(this.#parts, { ...this.#spec, timelineId }, options);
  }

  // A replica may wait for its branch for long, and nothing waits for a replica.
  #giveUpReplica(): void {
    if (!isReplica(this.#spec)) return;
    const message = 'the replica was suspended while it started';
    this.#launching?.abort(new PgfleetError('unavailable', { message }));
  }

  // A launch that fails has said why, and the next one tells its client.
  async #changeOver(): Promise<void> {
    this.#giveUpReplica();
    await this.settle();
    while (this.#run && this.#run.timelineId !== this.servedTimelineId) {
      if (this.#state === 'active') this.#apply('suspend');
      await this.settle();
    }
    if (this.#successor?.timelineId !== this.#spec.timelineId) return;
    if (isAllowed(this.#spec)) await this.start().catch(ignore);
    else await this.#successor.end('rest');
  }

  async #takeSuccessor(timelineId: TimelineId): Promise<ComputeRun | undefined> {
    const next = this.#successor;
    if (next?.timelineId !== timelineId) return undefined;
    await next.opened.catch(ignore);
    this.#successor = undefined;
    return next.take();
  }

  // One that ends meanwhile has the new settings when it starts again.
  async #renew(run: ComputeRun): Promise<void> {
    this.#idleWatch.setTimeout(this.#idleTimeoutMs);
    try {
      await run.configure(this.#spec);
    } catch (error) {
      if (this.running === run) throw toHostError(error, 'unavailable');
    }
    if (this.running === run) this.#idleWatch.setTimeout(this.#idleTimeoutMs);
  }

  #renewInBackground(run: ComputeRun): void {
    const { endpointId } = this.#spec;
    this.#renew(run).catch((error: unknown) => {
      const fields = { err: error, endpoint_id: endpointId };
      this.#parts.log.warn(fields, 'a compute goes on with former settings');
    });
  }

  // Whoever has the compute suspended again and again meanwhile only makes this take longer.
  async #start(deadline: AbortSignal): Promise<StartResponse> {
    for (let started = false; ; started = true) {
      const { running } = this;
      if (running) {
        this.#idleWatch.touch(0);
        const refusal = this.#parts.refusedSettings.messageFor(this.#spec);
        return { socketPath: running.socketPath, started, ...(refusal && { refusal }) };
      }
      deadline.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      requireAllowed(this.#spec);
      const isStopping = this.#state === 'suspending';
      this.#apply('start');
      await (isStopping ? this.#settled.catch(ignore) : this.#settled);
    }
  }

  #apply(event: ComputeEvent): void {
    const { to, effect } = computeTransition(this.#state, event);
    const changed = to !== this.#state;
    this.#state = to;
    this.#enact(effect);
    if (changed) this.#parts.onChange(this);
  }

  #enact(effect: ComputeEffect): void {
    switch (effect) {
      case 'launch':
        return this.#settle(this.#launch());
      case 'stop':
        return this.#settle(this.#rest());
      case 'watch':
        return this.#watch();
      case 'rest':
        return this.#idleWatch.stop();
      case 'nothing':
    }
  }

  #settle(work: Promise<void>): void {
    this.#settled = work;
    work.catch(ignore);
  }

  async #launch(): Promise<void> {
    const { launchTimeoutMs: timeoutMs, log } = this.#parts;
    const spec = this.#spec;
    const { endpointId } = spec;
    this.#launching = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, this.#launching.signal]);
    try {
      const next = await this.#takeSuccessor(spec.timelineId);
      this.#place = next?.place ?? this.#freePlace;
      const options = { place: this.#place, timeoutMs, signal };
      const run = next ?? (await openCompute(this.#parts, computeSpec(spec), options));
      this.#run = run;
      this.usage.begin(next ? new Date() : run.startedAt);
      this.usage.beginWriting(run.timelineId, run.takeWalCount());
      this.#launchedMs = performance.now();
      this.#apply('launched');
      if (next || this.#spec !== spec) this.#catchUp(run);
    } catch (error) {
      const failure = await this.#nameFailure(error);
      const level = signal.aborted ? 'info' : 'warn';
      log[level]({ err: error, endpoint_id: endpointId }, 'compute could not be started');
      this.usage.fail(failure.message);
      this.#apply('launch_failed');
      throw failure;
    } finally {
      this.#launching = undefined;
    }
  }

  get #freePlace(): ComputePlace {
    const next = this.#successor;
    return next && !next.isOver ? besides(next.place) : 'first';
  }

  // The specification has changed during the launch.
  #catchUp(run: ComputeRun): void {
    if (this.#isRunnable(run)) this.#renewInBackground(run);
    else this.#restInBackground();
  }

  // Postgres on a full disk ends like one that is broken.
  async #nameFailure(error: unknown): Promise<PgfleetError> {
    const failure = toHostError(error, 'compute_start_failed');
    if (failure.code !== 'compute_start_failed') return failure;
    const { freeBytes } = await this.#parts.volume.usage();
    return freeBytes < START_NEEDS_BYTES
      ? new PgfleetError('disk_full', { cause: error })
      : failure;
  }

  async #rest(): Promise<void> {
    const run = this.#run;
    const { claims, log } = this.#parts;
    const { endpointId } = this.#spec;
    try {
      if (run) await this.#end(run);
    } catch (error) {
      // The lock keeps the next start out for as long as anything of this run is left.
      log.error({ err: error, endpoint_id: endpointId }, 'compute could not be stopped');
      throw error;
    } finally {
      if (run) claims.release(run.timelineId, endpointId);
      this.#run = undefined;
      this.#ending = 'rest';
      if (run) this.usage.endWriting(run, run.takeWalCount());
      this.usage.end();
      this.#apply('stopped');
      this.#parts.onRest(this, run?.timelineId ?? this.servedTimelineId);
    }
  }

  async #end(run: ComputeRun): Promise<void> {
    await run[this.#endingOf(run)]();
    if (run.follows) await endFollowing(this.#parts, run.timelineId);
  }

  // The next client waits for the timeline that the endpoint came to, not for the one that it left; and
  // what a replica leaves is of no use.
  #endingOf(run: ComputeRun): 'rest' | 'leave' | 'destroy' {
    const hasLeft = run.timelineId !== this.servedTimelineId;
    return this.#ending === 'rest' && (hasLeft || run.follows) ? 'leave' : this.#ending;
  }

  #watch(): void {
    const run = this.#run;
    if (!run) return;
    this.#idleWatch.start(run, this.#idleTimeoutMs);
    void this.#awaitDeath(run);
  }

  async #awaitDeath(run: ComputeRun): Promise<void> {
    await run.exited;
    if (this.#run === run && this.#state === 'active') this.#noteDeath(run);
  }

  // The cluster's control file tells the next login and the next start that this was no clean end.
  #noteDeath(run: ComputeRun): void {
    const { claims, log } = this.#parts;
    const { endpointId } = this.#spec;
    log.warn({ endpoint_id: endpointId }, 'compute died');
    this.#run = undefined;
    claims.release(run.timelineId, endpointId);
    this.usage.endWriting(run);
    this.usage.end();
    this.#apply('died');
    this.#parts.onRest(this, run.timelineId);
    this.#bury(run).catch((error: unknown) => {
      log.warn({ err: error, endpoint_id: endpointId }, 'remains of a dead compute stay');
    });
  }

  // The next launch of a replica, which waits for this, begins with a timeline made anew.
  async #bury(run: ComputeRun): Promise<void> {
    const { claims } = this.#parts;
    await run.bury();
    if (!run.follows || claims.isClaimed(run.timelineId)) return;
    await claims.atRest(run.timelineId, () => endFollowing(this.#parts, run.timelineId));
  }

  #restInBackground(): void {
    this.suspend().catch((error: unknown) => {
      const { endpointId } = this.#spec;
      this.#parts.log.error({ err: error, endpoint_id: endpointId }, 'suspend failed');
    });
  }

  // One on another timeline than the endpoint's, or half started or half stopped, is of no use.
  #isRunnable(run: ComputeRun): boolean {
    return isAllowed(this.#spec) && run.timelineId === this.servedTimelineId && run.isUsable;
  }
}

// For promises whose failure somebody else reports.
function ignore(): void {}
