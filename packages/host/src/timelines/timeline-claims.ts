import { PgfleetError } from '@pgfleet/contract';
import type { EndpointId, TimelineId } from '@pgfleet/contract';

/**
 * Which endpoint of this process runs, or is about to run, on which timeline.
 *
 * The lock on disk keeps a second writer out whatever happens; this tells a rightful holder of it
 * from a stray one, which may be stopped.
 */
export class TimelineClaims {
  readonly #claims = new Map<TimelineId, EndpointId>();

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
    if (this.#claims.get(timelineId) === endpointId) this.#claims.delete(timelineId);
  }
}
