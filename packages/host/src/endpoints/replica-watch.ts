import {
  endSessions,
  lookForPrimary,
  readControlFile,
  readFollowing,
  untilReplayed,
} from '@pgfleet/compute';
import type { Following } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import { parseLsn } from '../history/wal-segment.ts';
import { inParallel } from '../in-parallel.ts';
import type { HostLayout } from '../storage/host-layout.ts';
import type { TimelineClaims } from '../timelines/timeline-claims.ts';
import type { Timelines } from '../timelines/timelines.ts';
import type { ComputeRun } from './compute-run.ts';
import type { Endpoint } from './endpoint.ts';
import { offerSocket } from './follower.ts';

export interface ReplicaWatchParts {
  readonly layout: HostLayout;
  readonly timelines: Timelines;
  readonly claims: TimelineClaims;
  /** The endpoints whose computes run. */
  readonly running: () => readonly Endpoint[];
  readonly log: Logger;
}

interface Replica {
  readonly endpoint: Endpoint;
  readonly run: ComputeRun;
  readonly follows: TimelineId;
}

const AT_ONCE = 8;
// A connection takes milliseconds, and WAL that is gone never comes back.
const PATIENCE_MS = 10_000;
// One that was never let in, for want of places, is no better when it is made anew; only not so old.
const PATIENCE_AT_FIRST_MS = 60_000;
const REPLAY_MS = 5_000;

/**
 * Sees to it that running replicas show what their branch has: tells them when it has started, and
 * suspends those that cannot go on: since WAL that they need is gone, since what runs on the branch
 * has more room than they have, or since the branch sleeps and has something that they never got. The
 * next client has one that was made anew.
 */
export class ReplicaWatch {
  readonly #parts: ReplicaWatchParts;
  /** Since when a replica has not streamed from a primary that runs. */
  readonly #apart = new WeakMap<ComputeRun, number>();
  readonly #haveStreamed = new WeakSet<ComputeRun>();
  readonly #busy = new Set<ComputeRun>();

  constructor(parts: ReplicaWatchParts) {
    this.#parts = parts;
  }

  /** Tells replicas that what they follow has started; they would not look for it for some time. */
  async started({ timelineId, socketPath }: ComputeRun): Promise<void> {
    const { layout, timelines } = this.#parts;
    if (timelines.followersOf(timelineId).length === 0) return;
    try {
      await offerSocket(layout, timelineId, socketPath);
    } catch (error) {
      this.#parts.log.warn({ err: error, timeline_id: timelineId }, 'replicas find no primary');
      return;
    }
    await this.#each(this.#replicasOf(timelineId), ({ run }) => run.use(lookForPrimary));
  }

  /**
   * Has replicas know what was changed in a timeline by pgfleet itself, and ends what the roles do in
   * them whose passwords were changed. One that sleeps was changed where no replica looks.
   */
  async changed(timelineId: TimelineId, roleNames: readonly string[]): Promise<void> {
    const replicas = this.#replicasOf(timelineId);
    if (replicas.length === 0) return;
    const writer = this.#parts.claims.running(timelineId);
    if (!writer) return this.#each(replicas, ({ endpoint }) => endpoint.suspend());
    const [row] = await writer.use((connection) =>
      connection.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn'),
    );
    await this.#each(replicas, ({ endpoint, run }) =>
      run
        .use(async (connection) => {
          await untilReplayed(connection, row!.lsn, AbortSignal.timeout(REPLAY_MS));
          await endSessions(connection, roleNames);
        })
        .catch(() => endpoint.suspend()),
    );
  }

  /** Looks at all replicas that run; those still being asked are left out. */
  look(): Promise<void> {
    const replicas = this.#replicasOf().filter(({ run }) => !this.#busy.has(run));
    return this.#each(replicas, async (replica) => {
      this.#busy.add(replica.run);
      try {
        await this.#lookAt(replica);
      } finally {
        this.#busy.delete(replica.run);
      }
    });
  }

  async #lookAt({ endpoint, run, follows }: Replica): Promise<void> {
    const following = await run.use(readFollowing);
    const writer = this.#parts.claims.running(follows);
    if (following.isStreaming) this.#haveStreamed.add(run);
    if (following.isStreaming || !writer) this.#apart.delete(run);
    const isLost = writer
      ? this.#isApartForLong(run, following)
      : this.#isBehind(follows, following);
    if (isLost || following.isStuck) {
      const fields = { endpoint_id: run.endpointId };
      this.#parts.log.info(fields, 'a replica cannot follow any more and is made anew');
      if (endpoint.running === run) await endpoint.suspend();
    } else if (writer && !following.isStreaming) {
      await this.started(writer);
    }
  }

  #isApartForLong(run: ComputeRun, { isStreaming }: Following): boolean {
    if (isStreaming) return false;
    const since = this.#apart.get(run) ?? performance.now();
    this.#apart.set(run, since);
    const patienceMs = this.#haveStreamed.has(run) ? PATIENCE_MS : PATIENCE_AT_FIRST_MS;
    return performance.now() - since >= patienceMs;
  }

  // What a timeline got while it slept, or was not sent before, no replica gets before it wakes.
  #isBehind(follows: TimelineId, { lsn }: Following): boolean {
    const { timelines, claims } = this.#parts;
    if (claims.isClaimed(follows) || !timelines.isReady(follows)) return false;
    const { state, checkpointLsn } = readControlFile(timelines.dataDirectory(follows));
    return state === 'shut_down' && parseLsn(lsn) < checkpointLsn;
  }

  #replicasOf(timelineId?: TimelineId): readonly Replica[] {
    return this.#parts.running().flatMap((endpoint) => {
      const { running: run } = endpoint;
      const follows = run?.follows;
      if (!run || !follows || (timelineId && follows !== timelineId)) return [];
      return [{ endpoint, run, follows }];
    });
  }

  // One that is ending does not answer; one that never does is asked again.
  #each(replicas: readonly Replica[], work: (replica: Replica) => Promise<unknown>): Promise<void> {
    return inParallel(replicas, AT_ONCE, async (replica) => {
      try {
        await work(replica);
      } catch (error) {
        const fields = { err: error, endpoint_id: replica.run.endpointId };
        this.#parts.log.debug(fields, 'a replica did not answer');
      }
    });
  }
}
