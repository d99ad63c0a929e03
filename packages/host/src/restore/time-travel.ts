import { PgfleetError } from '@pgfleet/contract';
import type {
  EndpointId,
  EndpointSpec,
  TimelineId,
  TimeTravelRequest,
  TimeTravelResponse,
} from '@pgfleet/contract';
import { derivedName } from '../endpoints/derived-name.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import { EPHEMERAL_PREFIX, isEphemeral, shownBy } from '../endpoints/ephemeral-id.ts';
import type { ViewSpec } from '../endpoints/ephemeral-id.ts';
import { requireAllowed } from '../endpoints/require-allowed.ts';
import { readCapturedVerifiers } from '../timelines/resting-verifiers.ts';
import { KeyedQueue } from '../storage/keyed-queue.ts';
import type { CopyParts } from './copy-parts.ts';
import { resolvePoint } from './resolve-point.ts';

const IDLE_SECONDS = 60;
const MAX_POINTS_PER_ENDPOINT = 10;

/**
 * Shows branches as they were: a read-only endpoint on a copy of its own for each point, endpoint
 * and role, made for the first client and deleted when the last has been gone for a minute. What the
 * endpoint itself may not do its views may not do either, and what they use it has used.
 */
export class TimeTravel implements AsyncDisposable {
  readonly #parts: CopyParts;
  readonly #endpoints: Endpoints;
  readonly #onCharge: (endpointId: EndpointId) => void;
  readonly #queue = new KeyedQueue();
  /** By the endpoint whose past it is. */
  readonly #shown = new Map<EndpointId, EndpointId>();
  readonly #removals = new Set<Promise<void>>();

  /** `onCharge` is called when an endpoint was charged with what a view of its past used. */
  constructor(
    parts: CopyParts,
    endpoints: Endpoints,
    onCharge: (endpointId: EndpointId) => void = () => undefined,
  ) {
    this.#parts = parts;
    this.#endpoints = endpoints;
    this.#onCharge = onCharge;
  }

  /**
   * Makes, or finds, and starts the endpoint of a point.
   *
   * @throws PgfleetError `endpoint_not_found`, `endpoint_disabled`, `branch_unmasked`,
   * `quota_exceeded`, `point_not_available`, `role_not_found`, `too_many_requests`, and what a start
   * throws.
   */
  async show(request: TimeTravelRequest): Promise<TimeTravelResponse> {
    const { spec } = this.#endpoints.get(request.endpointId);
    requireAllowed(spec);
    const name = nameOf(spec, request);
    const endpointId = `${EPHEMERAL_PREFIX}${name}` as EndpointId;
    return this.#queue.run(endpointId, async () => {
      if (!this.#endpoints.find(endpointId)) {
        await this.#make(spec, { ...request, name });
      }
      try {
        const { socketPath } = await this.#endpoints.get(endpointId).start();
        return { endpointId, socketPath };
      } catch (error) {
        // Nothing of it goes to rest any more; one that is still starting does, sooner or later.
        await this.#remove(endpointId);
        throw error;
      }
    });
  }

  /**
   * Tells the views of an endpoint's past how it is by now: sizes at once, and an end where it may not
   * run any more, or is gone.
   */
  async follow(endpointId: EndpointId): Promise<void> {
    const source = this.#endpoints.find(endpointId);
    const ids = [...this.#shown].flatMap(([id, shown]) => (shown === endpointId ? [id] : []));
    const views = ids.flatMap((id) => this.#endpoints.find(id) ?? []);
    await Promise.all(
      views.map((view) =>
        source ? view.configure(viewOf(source.spec, view.spec)) : view.suspend(),
      ),
    );
  }

  /** Counts what views have used by now as used by the endpoints whose past they show. */
  meter(): void {
    for (const endpointId of this.#shown.keys()) this.#charge(endpointId);
  }

  /** Takes away an endpoint of the past that has gone to rest. */
  rested(endpointId: EndpointId): void {
    if (!isEphemeral(endpointId)) return;
    const removal = this.#queue
      .run(endpointId, () => this.#remove(endpointId))
      .catch((error: unknown) => {
        this.#parts.log.warn({ err: error, endpoint_id: endpointId }, 'a view of the past stays');
      })
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  /** Waits for what is being taken away. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#removals);
  }

  /** Forgets the endpoints that an earlier process showed; their timelines are gone already. */
  async recover(): Promise<void> {
    const ids = [...this.#endpoints.values()].map(({ spec }) => spec.endpointId);
    for (const id of ids.filter(isEphemeral)) {
      this.#charge(id);
      await this.#endpoints.delete(id);
    }
  }

  async #make(
    source: EndpointSpec,
    { at, role, name }: TimeTravelRequest & { readonly name: string },
  ): Promise<void> {
    this.#assertRoom(source.endpointId);
    const { timelines, layout } = this.#parts;
    const endpointId = `${EPHEMERAL_PREFIX}${name}` as EndpointId;
    const timelineId = `tl-${name}` as TimelineId;
    const resolved = await resolvePoint(this.#parts, source.timelineId, { at });
    this.#shown.set(endpointId, source.endpointId);
    try {
      await timelines.put(
        {
          ...timelines.ready(source.timelineId).spec,
          timelineId,
          source: { kind: 'timeline', timelineId: source.timelineId, at: resolved.at },
          initial: { roles: [role], databases: [] },
          historyRetentionSeconds: 0,
        },
        { ephemeral: true },
      );
      const dataDirectory = timelines.dataDirectory(timelineId);
      const verifiers = readCapturedVerifiers({
        dataDirectory,
        path: layout.verifiers(timelineId),
      });
      if (!verifiers?.has(role.name)) throw new PgfleetError('role_not_found');
      await this.#endpoints.put(viewOf(source, { endpointId, timelineId }));
      // Making it took its time: its endpoint may be another by now, or gone.
      this.#endpoints.get(source.endpointId);
      await this.follow(source.endpointId);
    } catch (error) {
      await this.#remove(endpointId);
      throw error;
    }
  }

  #assertRoom(endpointId: EndpointId): void {
    const count = [...this.#shown.values()].filter((shown) => shown === endpointId).length;
    if (count < MAX_POINTS_PER_ENDPOINT) return;
    throw new PgfleetError('too_many_requests', {
      message: `this endpoint is being shown at ${count} points in time already, try again later`,
    });
  }

  async #remove(endpointId: EndpointId): Promise<void> {
    const endpoint = this.#endpoints.find(endpointId);
    if (endpoint && endpoint.state !== 'idle') return;
    this.#charge(endpointId);
    const timelineId = endpointId.replace(EPHEMERAL_PREFIX, 'tl-') as TimelineId;
    await this.#endpoints.delete(endpointId);
    await this.#parts.timelines.delete(timelineId, (id) => this.#endpoints.stopOn(id));
    this.#shown.delete(endpointId);
  }

  #charge(endpointId: EndpointId): void {
    const view = this.#endpoints.find(endpointId);
    const shown = view && shownBy(view.spec);
    const source = shown && this.#endpoints.find(shown);
    if (!view || !source) return;
    this.#endpoints.charge(source, view);
    this.#onCharge(shown);
  }
}

// It goes on with the data that it was made for, wherever its endpoint goes.
function viewOf(
  source: EndpointSpec,
  { endpointId, timelineId }: Pick<EndpointSpec, 'endpointId' | 'timelineId'>,
): ViewSpec {
  return {
    ...source,
    endpointId,
    timelineId,
    shows: source.endpointId,
    type: 'read_only',
    suspendTimeoutSeconds: IDLE_SECONDS,
    generation: 1,
  };
}

function nameOf({ timelineId, endpointId }: EndpointSpec, { at, role }: TimeTravelRequest): string {
  return derivedName(JSON.stringify([endpointId, timelineId, at, role.name, role.verifier]));
}
