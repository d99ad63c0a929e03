import { readFollowing, reload } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import { inParallel } from '../in-parallel.ts';
import type { TimelineClaims } from '../timelines/timeline-claims.ts';
import type { ComputeRun } from './compute-run.ts';
import type { Endpoint } from './endpoint.ts';

export interface ReplicaWatchParts {
  readonly claims: TimelineClaims;
  readonly log: Logger;
}

const AT_ONCE = 8;
// A connection takes milliseconds, and WAL that is gone never comes back.
const PATIENCE_MS = 10_000;

/**
 * Sees to it that running replicas follow what runs on the timeline they read: tells them when it has
 * started, and suspends those that cannot go on, since WAL that they need is gone, or their primary
 * has grown beyond what they have room for. The next client has one that was made anew.
 */
export class ReplicaWatch {
  readonly #parts: ReplicaWatchParts;
  /** Since when a replica has not streamed from a primary that runs. */
  readonly #apart = new WeakMap<ComputeRun, number>();
  readonly #busy = new Set<ComputeRun>();

  constructor(parts: ReplicaWatchParts) {
    this.#parts = parts;
  }

  /** Tells replicas that what they follow has started; they would not look for it for some time. */
  async started(timelineId: TimelineId, endpoints: readonly Endpoint[]): Promise<void> {
    const replicas = runsOf(endpoints).filter(({ run }) => run.follows === timelineId);
    await inParallel(replicas, AT_ONCE, async ({ run }) => {
      try {
        await run.use(reload);
      } catch (error) {
        this.#debug(error, run);
      }
    });
  }

  /** Looks at all replicas of these; those still being asked are left out. */
  look(endpoints: readonly Endpoint[]): Promise<void> {
    const replicas = runsOf(endpoints).filter(({ run }) => run.follows && !this.#busy.has(run));
    return inParallel(replicas, AT_ONCE, async ({ endpoint, run }) => {
      this.#busy.add(run);
      try {
        await this.#lookAt(endpoint, run);
      } catch (error) {
        this.#debug(error, run);
      } finally {
        this.#busy.delete(run);
      }
    });
  }

  async #lookAt(endpoint: Endpoint, run: ComputeRun): Promise<void> {
    const { claims, log } = this.#parts;
    const hasPrimary = run.follows !== undefined && claims.running(run.follows) !== undefined;
    const { isStuck, isStreaming } = await run.use(readFollowing);
    if (!isStuck && (isStreaming || !hasPrimary)) {
      this.#apart.delete(run);
      return;
    }
    const since = this.#apart.get(run) ?? performance.now();
    this.#apart.set(run, since);
    if (!isStuck && performance.now() - since < PATIENCE_MS) return run.use(reload);
    log.info({ endpoint_id: run.endpointId }, 'a replica has lost its primary and is made anew');
    if (endpoint.running === run) await endpoint.suspend();
  }

  // One that is ending does not answer; one that never does is asked again.
  #debug(error: unknown, run: ComputeRun): void {
    const fields = { err: error, endpoint_id: run.endpointId };
    this.#parts.log.debug(fields, 'a replica was not asked how it gets on');
  }
}

function runsOf(endpoints: readonly Endpoint[]) {
  return endpoints.flatMap((endpoint) => {
    const { running: run } = endpoint;
    return run ? [{ endpoint, run }] : [];
  });
}
