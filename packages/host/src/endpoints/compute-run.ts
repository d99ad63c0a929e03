import { existsSync, rmSync } from 'node:fs';
import {
  ADMIN_ROLE,
  AdminConnection,
  adoptInstance,
  applySpec,
  boundLogFile,
  ComputeError,
  finishInPlace,
  LiveSettings,
  readActivity,
  readOutdated,
  readOwnWalCount,
  readWalCount,
  removeRebuildableCaches,
  untilReplayed,
} from '@pgfleet/compute';
import type { Activity, Instance, LimitGroup, StopMode, WalCount } from '@pgfleet/compute';
import type { EndpointId, EndpointSpec, TimelineId } from '@pgfleet/contract';
import { retry, sleep } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import { AdminSession } from './admin-session.ts';
import { instancePlace, limitGroup } from './compute-parts.ts';
import type { ComputeParts, ComputeRecord } from './compute-parts.ts';
import { placeId } from './compute-place.ts';
import type { ComputePlace } from './compute-place.ts';
import { computeSettings } from './compute-settings.ts';
import { limitsFor } from './limits-for.ts';
import { PhaseTimer } from './phase-timer.ts';
import { restedWal } from './rested-wal.ts';
import { withBirth } from '../history/history-record.ts';
import { IN_PLACE_TIMEOUT_MS, startPostgres } from './start-postgres.ts';
import { firstSpec } from '../timelines/first-spec.ts';
import { noteRest, readLastWords } from '../timelines/last-words.ts';
import type { LastWords } from '../timelines/last-words.ts';
import type { TimelineRecord } from '../timelines/timeline-record.ts';

export interface LaunchOptions {
  readonly place: ComputePlace;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

// A fast stop waits for the shutdown checkpoint; what takes longer is stopped the hard way.
const STOP_TIMEOUT_MS = 30_000;
const DISMISS_TIMEOUT_MS = 5000;
const DISMISS_INTERVAL_MS = 5;
// The first statements of the client that woke the compute belong to the wake.
const UNTHROTTLED_MS = 1000;
const LIMIT_RETRY_MS = 5000;
const REPLAY_LOGIN = { attempts: 20, baseMs: 10, capMs: 50 } as const;
const GROUP_REMOVAL = { attempts: 30, baseMs: 2, capMs: 20 } as const;

/** One run of a compute, from its launch or adoption until no process of it is left. */
export class ComputeRun {
  readonly endpointId: EndpointId;
  readonly timelineId: TimelineId;
  readonly place: ComputePlace;
  readonly startedAt: Date;
  /** The timeline that its own follows, if it is a replica's. */
  readonly follows: TimelineId | undefined;
  readonly #parts: ComputeParts;
  readonly #instance: Instance;
  readonly #session: AdminSession;
  readonly #limitGroup: LimitGroup;
  readonly #settings: LiveSettings;
  readonly #raised: readonly string[];
  readonly #isEphemeral: boolean;
  #throttleTimer: NodeJS.Timeout | undefined;
  #isOutdated = false;
  #awaitsMemory = false;
  #walCount: WalCount | undefined;

  private constructor(parts: ComputeParts, record: ComputeRecord, instance: Instance) {
    this.endpointId = record.endpointId;
    this.timelineId = record.timelineId;
    this.place = record.place ?? 'first';
    this.startedAt = new Date(record.startedAt);
    const timeline = parts.timelines.find(record.timelineId);
    this.follows = timeline?.follows;
    this.#isEphemeral = timeline?.ephemeral === true;
    this.#parts = parts;
    this.#instance = instance;
    this.#limitGroup = limitGroup(parts, record);
    this.#raised = record.raised ?? [];
    this.#settings = new LiveSettings(parts.timelines.dataDirectory(record.timelineId));
    this.#session = new AdminSession({
      socketDirectory: parts.layout.sockets(placeId(record)),
      secrets: () => parts.timelines.adminSecrets(parts.timelines.ready(record.timelineId)),
      log: parts.log.child({ endpoint_id: record.endpointId }),
    });
  }

  /**
   * Starts Postgres on the endpoint's timeline and, the first time, sets up its roles and databases.
   *
   * @throws ComputeError, PgfleetError `timeline_not_found`, `timeline_locked`,
   * `postgres_version_missing`; nothing is left running then.
   */
  static async launch(
    parts: ComputeParts,
    spec: EndpointSpec,
    options: LaunchOptions,
  ): Promise<ComputeRun> {
    const { endpointId, timelineId } = spec;
    const { place } = options;
    const phases = new PhaseTimer();
    const startedAt = new Date().toISOString();
    const note = { endpointId, timelineId, place, startedAt, instance: null };
    const noted = parts.computes.put(placeId(note), note, { durable: false });
    const group = limitGroup(parts, note);
    try {
      const rested = await restedWal(parts, timelineId);
      const started = await startPostgres(parts, spec, { ...options, limitGroup: group, phases });
      await noted;
      const run = new ComputeRun(parts, { ...note, raised: started.raised }, started.instance);
      run.#joinGroup();
      await run.#prepare(phases, options.signal);
      run.#walCount ??= rested;
      run.#throttleTimer = setTimeout(() => run.setLimits(spec), UNTHROTTLED_MS);
      parts.log.debug({ endpoint_id: endpointId, ms: phases.read() }, 'compute launched');
      return run;
    } catch (error) {
      await Promise.allSettled([noted]);
      await removeLimitGroup(group, parts.log);
      await parts.computes.delete(placeId(note), { durable: false });
      throw error;
    }
  }

  /** Finds the run that a record of an earlier process speaks of, if it still goes on. */
  static async adopt(parts: ComputeParts, record: ComputeRecord): Promise<ComputeRun | undefined> {
    const place = instancePlace(parts, record);
    const instance = await adoptInstance(place, record.instance ?? undefined);
    if (instance) return new ComputeRun(parts, record, instance);
    await removeLimitGroup(limitGroup(parts, record), parts.log);
    return undefined;
  }

  get socketPath(): string {
    return this.#instance.socketPath;
  }

  /**
   * Whether clients can be let in: its socket, which a stop takes away first, is there, and so are
   * its roles and databases.
   */
  get isUsable(): boolean {
    const { timelines } = this.#parts;
    if (!timelines.isReady(this.timelineId)) return false;
    return timelines.ready(this.timelineId).specApplied && existsSync(this.socketPath);
  }

  /** Resolves when every process is gone and the timeline's lock is free. */
  get exited(): Promise<unknown> {
    return this.#instance.exited;
  }

  /** The role's verifier as the cluster has it at this moment; null when it cannot log in. */
  verifierOf(role: string): Promise<string | null> {
    return this.#session.use(async (connection) => {
      const rows = await connection.query<{ rolpassword: string | null }>(
        `SELECT rolpassword FROM pg_authid
          WHERE rolname = $1 AND rolname <> 'cloud_admin' AND rolcanlogin
            AND rolpassword LIKE 'SCRAM-SHA-256$%'`,
        [role],
      );
      return rows[0]?.rolpassword ?? null;
    });
  }

  /**
   * Hands out, once, what had been written when it was launched and its roles were set up, and later when
   * its last client was gone.
   */
  takeWalCount(): WalCount | undefined {
    const count = this.#walCount;
    this.#walCount = undefined;
    return count;
  }

  /** Runs `work` on `cloud_admin`'s shared connection. */
  use<T>(work: (connection: AdminConnection) => Promise<T>): Promise<T> {
    return this.#session.use(work);
  }

  /** Opens a connection of its own for `cloud_admin`, for work that takes longer. */
  connect(options: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
    readonly database?: string;
  }) {
    const { layout, timelines } = this.#parts;
    return AdminConnection.open({
      socketDirectory: layout.sockets(placeId(this)),
      secrets: timelines.adminSecrets(timelines.ready(this.timelineId)),
      ...options,
    });
  }

  activity(): Promise<Activity> {
    return this.#session.use(readActivity);
  }

  /** Whether Postgres has to start again to have all settings that it was told of. */
  get isOutdated(): boolean {
    return this.#isOutdated;
  }

  /**
   * Tells what runs how the endpoint is now: sizes and settings.
   *
   * @throws ComputeError `settings_refused` when Postgres does not accept one: none was changed then.
   */
  async configure(spec: EndpointSpec): Promise<void> {
    this.setLimits(spec);
    // What shows the past goes on as it was begun.
    if (this.#isEphemeral && !this.follows) return;
    const { timelines } = this.#parts;
    const settings = await computeSettings(this.#parts, spec, timelines.ready(this.timelineId));
    const outdated = await this.#session.use(async (connection) => {
      await this.#settings.change(connection, settings.changeable);
      return readOutdated(connection, settings, this.#raised);
    });
    this.#isOutdated = outdated.length > 0;
    if (!this.#isOutdated) return;
    const fields = { endpoint_id: this.endpointId, settings: outdated };
    this.#parts.log.info(fields, 'settings wait for the next start of a compute');
  }

  /** Applies the endpoint's size to the running processes. */
  setLimits(spec: EndpointSpec): void {
    clearTimeout(this.#throttleTimer);
    try {
      const isDone = this.#limitGroup.set(limitsFor(spec));
      if (!isDone) this.#setLimitsLater(spec);
      this.#awaitsMemory = !isDone;
    } catch (error) {
      this.#warn(error, 'limits of a compute could not be set');
    }
  }

  // More memory is in use than the new size has: it is left alone until some is given back. The other
  // limits hold already.
  #setLimitsLater(spec: EndpointSpec): void {
    this.#throttleTimer = setTimeout(() => this.setLimits(spec), LIMIT_RETRY_MS);
    if (this.#awaitsMemory) return;
    const fields = { endpoint_id: this.endpointId, max_cu: spec.maxCu };
    this.#parts.log.info(fields, 'a compute keeps its memory until it needs less');
  }

  /** Keeps what Postgres logs within bounds. */
  boundLog(): void {
    try {
      boundLogFile(this.#parts.layout.log(this.endpointId));
    } catch (error) {
      this.#warn(error, 'log of a compute could not be shortened');
    }
  }

  /** Lets the last client go, keeps the verifiers as they then are, and stops with a checkpoint. */
  async rest(): Promise<void> {
    const words = await this.#dismissClients();
    await this.#stop('fast');
    await this.#tidyData(words);
  }

  /**
   * Lets the last client go and stops without a checkpoint, for a timeline that the endpoint has left:
   * nobody waits for its rest, which a recovery brings about.
   */
  async leave(): Promise<void> {
    await this.#dismissClients();
    await this.#stop('immediate');
  }

  /** Stops at once, for a cluster whose data nobody needs any more. */
  destroy(): Promise<void> {
    return this.#stop('immediate');
  }

  /** Clears up after processes that are gone. */
  async bury(): Promise<void> {
    clearTimeout(this.#throttleTimer);
    await this.#session[Symbol.asyncDispose]();
    await removeLimitGroup(this.#limitGroup, this.#parts.log);
    await this.#parts.computes.delete(placeId(this), { durable: false });
  }

  async #prepare(phases: PhaseTimer, signal: AbortSignal): Promise<void> {
    const { timelines } = this.#parts;
    try {
      const origin = await this.#recoverInPlace(signal);
      if (origin) phases.mark('recovery');
      await this.#catchUp(signal);
      if (!timelines.ready(this.timelineId).specApplied) await this.#applyInitialSpec(origin);
      phases.mark('spec');
      this.#noteInstance();
    } catch (error) {
      await this.#stop('fast');
      throw error;
    }
  }

  /** Gets to where a copy is to begin, which its first launch does; says where that was. */
  async #recoverInPlace(signal: AbortSignal): Promise<TimelineRecord['origin']> {
    const { timelines, histories } = this.#parts;
    const { pending, origin } = timelines.ready(this.timelineId);
    if (!pending) return undefined;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(IN_PLACE_TIMEOUT_MS)]);
    const options = { postmasterPid: this.#instance.record.postmaster.pid, signal: limit };
    // Replay may change the secret between one attempt to log in and the next.
    const { lsn, lastCommitAt } = await retry(
      () => this.#session.use((connection) => finishInPlace(connection, options)),
      { ...REPLAY_LOGIN, signal: limit, retryable: isLoginFailure },
    );
    const { points } = await histories.update(this.timelineId, (history) =>
      withBirth(history, lsn),
    );
    const asked = pending.target.kind === 'time' ? pending.target.at : undefined;
    return (
      origin ?? { lsn, at: asked ?? lastCommitAt ?? points.at(-1)?.at ?? new Date().toISOString() }
    );
  }

  /** Gets to where the timeline was that a replica follows, when it was asked for. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const { follows, origin } = this.#parts.timelines.ready(this.timelineId);
    if (!follows || !origin) return;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(IN_PLACE_TIMEOUT_MS)]);
    await this.#session.use((connection) => untilReplayed(connection, origin.lsn, limit));
  }

  async #applyInitialSpec(origin: TimelineRecord['origin']): Promise<void> {
    const { timelines } = this.#parts;
    const timeline = timelines.ready(this.timelineId);
    const own = timelines.adminSecrets(timeline).at(-1) ?? '';
    await this.#session.use(async (connection) => {
      await applySpec(connection, await firstSpec(connection, timeline, own));
      this.#walCount = await readOwnWalCount(connection);
    });
    await timelines.noteSpecApplied(this.timelineId, origin);
  }

  // Only the quick way for an adoption: without it the holder of the lock is searched for.
  #noteInstance(): void {
    const { computes } = this.#parts;
    const record: ComputeRecord = {
      endpointId: this.endpointId,
      timelineId: this.timelineId,
      place: this.place,
      startedAt: this.startedAt.toISOString(),
      raised: this.#raised,
      instance: this.#instance.record,
    };
    computes.put(placeId(this), record, { durable: false }).catch((error: unknown) => {
      this.#warn(error, 'compute record could not be written');
    });
  }

  /**
   * Closes the door, sends everybody out, then asks for what has to be known of a cluster at rest:
   * nobody can change it any more. Returns `undefined` when that did not work; whoever needs it
   * then runs the cluster once more.
   */
  async #dismissClients(): Promise<LastWords | undefined> {
    try {
      return await this.#session.use(async (connection) => {
        rmSync(this.socketPath, { force: true });
        await terminateClients(connection);
        if (this.#isEphemeral) return undefined;
        this.#walCount = await readWalCount(connection);
        return readLastWords(connection);
      });
    } catch (error) {
      this.#warn(error, 'the end was not noted, the next login starts the compute');
      return undefined;
    }
  }

  // Its processes that were there before the group had the first of them.
  #joinGroup(): void {
    this.#limitGroup.add(this.#instance.record.postmaster.pid).catch((error: unknown) => {
      this.#warn(error, 'processes of a compute are not limited');
    });
  }

  #warn(error: unknown, message: string): void {
    this.#parts.log.warn({ err: error, endpoint_id: this.endpointId }, message);
  }

  async #stop(mode: StopMode): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
    await this.#instance.stop(mode, { timeoutMs: STOP_TIMEOUT_MS });
    await this.bury();
  }

  async #tidyData(words: LastWords | undefined): Promise<void> {
    try {
      await removeRebuildableCaches(this.#parts.timelines.dataDirectory(this.timelineId));
      if (words) await noteRest(this.#parts, this.timelineId, words);
    } catch (error) {
      this.#warn(error, 'compute at rest was not tidied');
    }
  }
}

function isLoginFailure(error: unknown): boolean {
  return error instanceof ComputeError && error.code === 'admin_login_failed';
}

// Waiting for one after the other would take a tenth of a second each: so coarsely Postgres looks. Its
// replicas stay: the stop sends them all that was written.
async function terminateClients(connection: AdminConnection): Promise<void> {
  const deadline = performance.now() + DISMISS_TIMEOUT_MS;
  for (;;) {
    const { length } = await connection.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND (backend_type = 'client backend'
          OR backend_type = 'walsender' AND usename IS DISTINCT FROM $1)`,
      [ADMIN_ROLE],
    );
    if (length === 0 || performance.now() >= deadline) return;
    await sleep(DISMISS_INTERVAL_MS);
  }
}

// The kernel lets go of processes a moment after they are gone. A group that stays is no loss: the
// next launch uses it again.
async function removeLimitGroup(group: LimitGroup, log: Logger): Promise<void> {
  try {
    await retry(async () => group.remove(), GROUP_REMOVAL);
  } catch (error) {
    log.warn({ err: error, group: group.name }, 'control group stays');
  }
}
