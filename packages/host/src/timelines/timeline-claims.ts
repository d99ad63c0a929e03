import { PgfleetError } from '@pgfleet/contract';
import type { EndpointId, TimelineId } from '@pgfleet/contract';
import type { ComputeRun } from '../endpoints/compute-run.ts';

export interface RestOptions {
  /** Whether a launch that comes meanwhile ends the work, instead of waiting for it. */
  readonly yields?: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Visit {
  readonly yields: boolean;
  readonly leave: AbortController;
  readonly over: Promise<unknown>;
}

/**
 * Which endpoint of this process runs, or is about to run, on which timeline, and who works on the
 * files of one at rest.
 *
 * The lock on disk keeps a second writer out whatever happens; this tells a rightful holder of it
 * from a stray one, which may be stopped, and lets those in this process wait for each other.
 */
export class TimelineClaims {
  readonly #claims = new Map<TimelineId, EndpointId>();
  readonly #runs = new Map<TimelineId, ComputeRun>();
  readonly #visits = new Map<TimelineId, Visit>();
  /** Launches that wait for a visit to end: a client waits for them, so no other visit goes first. */
  readonly #entering = new Map<TimelineId, number>();
  #closed: Error | undefined;

  /**
   * Claims a timeline for a launch, as soon as nobody works on its files any more.
   *
   * @throws PgfleetError `timeline_locked` when another endpoint has the timeline.
   */
  async enter(timelineId: TimelineId, endpointId: EndpointId, signal: AbortSignal): Promise<void> {
    this.#entering.set(timelineId, (this.#entering.get(timelineId) ?? 0) + 1);
    try {
      for (let visit = this.#visits.get(timelineId); visit; visit = this.#visits.get(timelineId)) {
        if (visit.yields) visit.leave.abort(new PgfleetError('timeline_locked'));
        await visit.over;
        signal.throwIfAborted();
      }
      this.claim(timelineId, endpointId);
    } finally {
      const others = (this.#entering.get(timelineId) ?? 1) - 1;
      if (others > 0) this.#entering.set(timelineId, others);
      else this.#entering.delete(timelineId);
    }
  }

  /** @throws PgfleetError `timeline_locked` when another endpoint has the timeline. */
  claim(timelineId: TimelineId, endpointId: EndpointId): void {
    const holder = this.#claims.get(timelineId);
    if (holder !== undefined && holder !== endpointId) {
      throw new PgfleetError('timeline_locked', {
        message: `another endpoint (${holder}) runs on the data of this branch`,
      });
    }
    this.#claims.set(timelineId, endpointId);
  }

  release(timelineId: TimelineId, endpointId: EndpointId): void {
    if (this.#claims.get(timelineId) !== endpointId) return;
    this.#claims.delete(timelineId);
    this.#runs.delete(timelineId);
  }

  isClaimed(timelineId: TimelineId): boolean {
    return this.#claims.has(timelineId);
  }

  /** Ends the work on the files of a timeline that is being deleted. */
  async vacate(timelineId: TimelineId): Promise<void> {
    for (let visit = this.#visits.get(timelineId); visit; visit = this.#visits.get(timelineId)) {
      visit.leave.abort(new PgfleetError('timeline_not_found'));
      await visit.over;
    }
  }

  /** Ends all work on files at rest that somebody waits for, and lets none begin. */
  async close(): Promise<void> {
    this.#closed = new PgfleetError('unavailable', { message: 'the host is stopping' });
    const visits = [...this.#visits.values()].filter((visit) => !visit.yields);
    for (const { leave } of visits) leave.abort(this.#closed);
    await Promise.all(visits.map(({ over }) => over));
  }

  /** Notes the compute that runs on a timeline. */
  seat(run: ComputeRun): void {
    this.#runs.set(run.timelineId, run);
  }

  /** The compute that runs on a timeline. */
  running(timelineId: TimelineId): ComputeRun | undefined {
    return this.#runs.get(timelineId);
  }

  /**
   * Works on the files of a timeline at rest, one after the other.
   *
   * @throws PgfleetError `timeline_locked` when a compute runs there or is about to, or when the work
   * yielded to one.
   */
  async atRest<T>(
    timelineId: TimelineId,
    work: (signal: AbortSignal) => Promise<T>,
    { yields = false, signal }: RestOptions = {},
  ): Promise<T> {
    for (;;) {
      if (this.#closed && !yields) throw this.#closed;
      signal?.throwIfAborted();
      const isWanted = this.isClaimed(timelineId) || this.#entering.has(timelineId);
      if (isWanted) throw new PgfleetError('timeline_locked');
      const visit = this.#visits.get(timelineId);
      if (!visit) break;
      await visit.over;
    }
    const leave = new AbortController();
    const result = work(signal ? AbortSignal.any([leave.signal, signal]) : leave.signal);
    const over = Promise.allSettled([result]).then(() => this.#visits.delete(timelineId));
    this.#visits.set(timelineId, { yields, leave, over });
    return result;
  }
}
