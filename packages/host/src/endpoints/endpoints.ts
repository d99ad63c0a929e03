import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { PgfleetError } from '@pgfleet/contract';
import type {
  EndpointId,
  EndpointName,
  EndpointSpec,
  EndpointStatus,
  LoginRequest,
  LoginResponse,
  TimelineId,
} from '@pgfleet/contract';
import { toHostError } from '../host-error.ts';
import { inParallel } from '../in-parallel.ts';
import { KeyedQueue } from '../storage/keyed-queue.ts';
import type { RecordStore } from '../storage/record-store.ts';
import type { Arrivals } from './arrivals.ts';
import type { ComputeRecord } from './compute-parts.ts';
import { placeId, placeIds } from './compute-place.ts';
import { ComputeRun } from './compute-run.ts';
import { currentVerifier } from './current-verifier.ts';
import { Endpoint } from './endpoint.ts';
import { isEphemeral } from './ephemeral-id.ts';
import { endFollowing } from './follower.ts';
import type { EndpointParts } from './endpoint.ts';
import { isReplica } from './served-timeline.ts';
import { trySettings } from './try-settings.ts';
import type { UsageRecord } from './usage-meter.ts';

export interface EndpointsParts extends EndpointParts {
  readonly specs: RecordStore<EndpointSpec>;
  readonly usage: RecordStore<UsageRecord>;
  readonly arrivals: Arrivals;
}

// Every stop writes a checkpoint; more at once only wait for the same disk.
const STOPS_AT_ONCE = 16;
const PERSIST_MS = 60_000;

/** All endpoints of a host, by id. */
export class Endpoints {
  readonly #parts: EndpointsParts;
  readonly #endpoints = new Map<EndpointId, Endpoint>();
  readonly #queue = new KeyedQueue();
  readonly #writes = new Set<Promise<void>>();
  readonly #persistTimer: NodeJS.Timeout;

  constructor(parts: EndpointsParts) {
    const onChange = (endpoint: Endpoint) => {
      parts.onChange(endpoint);
      // Of a run that outlives its host, the next one has to know from where on it is counted.
      if (endpoint.state === 'active') this.#persist(endpoint, false);
      if (endpoint.state === 'idle') this.#persist(endpoint, true);
    };
    this.#parts = { ...parts, onChange };
    for (const spec of parts.specs.values()) this.#add(spec);
    this.#persistTimer = setInterval(() => this.#persistRunning(), PERSIST_MS);
    this.#persistTimer.unref();
  }

  get size(): number {
    return this.#endpoints.size;
  }

  values(): IterableIterator<Endpoint> {
    return this.#endpoints.values();
  }

  running(): readonly Endpoint[] {
    return [...this.#endpoints.values()].filter(({ state }) => state !== 'idle');
  }

  find(endpointId: EndpointId): Endpoint | undefined {
    return this.#endpoints.get(endpointId);
  }

  /** @throws PgfleetError `endpoint_not_found`. */
  get(endpointId: EndpointId): Endpoint {
    const endpoint = this.#endpoints.get(endpointId);
    if (!endpoint) throw new PgfleetError('endpoint_not_found');
    return endpoint;
  }

  /** Takes over computes that an earlier host process left running and forgets those that died. */
  async adopt(): Promise<void> {
    const { computes, log } = this.#parts;
    const rightful = this.#rightful();
    await inParallel([...computes.values()], STOPS_AT_ONCE, async (record) => {
      const fields = { endpoint_id: record.endpointId, timeline_id: record.timelineId };
      try {
        if (!rightful.has(record)) return await this.#endStray(record);
        const adopted = await this.#endpoints.get(record.endpointId)?.adopt(record);
        log.info(fields, adopted ? 'compute adopted' : 'compute ended while no host ran');
        if (!adopted) await computes.delete(placeId(record), { durable: false });
      } catch (error) {
        log.error({ ...fields, err: error }, 'compute could not be adopted');
      }
    });
  }

  /**
   * Takes a specification unless a newer one is known.
   *
   * @throws PgfleetError `invalid_request` when Postgres does not accept its settings, now or at its next
   * start: those stay as they were, and all the rest is taken.
   */
  put(spec: EndpointSpec): Promise<EndpointStatus> {
    return this.#queue.run(spec.endpointId, async () => {
      const known = this.#endpoints.get(spec.endpointId);
      const isNews = !known || spec.generation > known.spec.generation;
      // What is known already may not have got through to what runs, or have been refused.
      const isLatest = isNews || spec.generation === known.spec.generation;
      if (isLatest) await this.#parts.specs.put(spec.endpointId, spec);
      const endpoint = known ?? this.#add(spec);
      if (known) await this.#reconfigure(known, isLatest ? spec : known.spec);
      if (!isNews) return endpoint.status();
      this.#parts.onChange(endpoint);
      this.#parts.arrivals.announce();
      return endpoint.status();
    });
  }

  /** Tells what runs its settings anew, since they follow from more than its specification. */
  renew(endpointId: EndpointId): Promise<void> {
    return this.#queue.run(endpointId, async () => {
      const endpoint = this.#endpoints.get(endpointId);
      await endpoint?.configure(endpoint.spec);
    });
  }

  // Settings that would keep the compute from its next start are not kept.
  async #reconfigure(endpoint: Endpoint, spec: EndpointSpec): Promise<void> {
    const { pgSettings } = endpoint.spec;
    try {
      await this.#requireStartable(spec, pgSettings);
      await endpoint.configure(spec);
    } catch (error) {
      if (!(error instanceof PgfleetError) || error.code !== 'invalid_request') throw error;
      const accepted = { ...spec, pgSettings };
      await this.#parts.specs.put(spec.endpointId, accepted);
      await endpoint.configure(accepted);
      throw error;
    }
  }

  async #requireStartable(spec: EndpointSpec, known: EndpointSpec['pgSettings']): Promise<void> {
    if (isDeepStrictEqual(spec.pgSettings, known)) return;
    this.#parts.refusedSettings.forget(spec.endpointId);
    await trySettings(this.#parts, spec).catch((error: unknown) => {
      throw toHostError(error);
    });
  }

  /** Moves what a view of its past has used so far to what the endpoint itself has used. */
  charge(endpoint: Endpoint, view: Endpoint): void {
    endpoint.usage.add(view.usage.take());
    // In this order, so that nothing is counted twice.
    this.#persist(view, false);
    this.#persist(endpoint, false);
  }

  /** Stops the compute and forgets the endpoint; its timeline stays. */
  delete(endpointId: EndpointId): Promise<void> {
    const { specs, usage, computes, layout, refusedSettings } = this.#parts;
    return this.#queue.run(endpointId, async () => {
      const endpoint = this.#endpoints.get(endpointId);
      await endpoint?.close(new PgfleetError('endpoint_not_found'));
      if (endpoint && isReplica(endpoint.spec)) await this.#forgetFollower(endpoint);
      this.#endpoints.delete(endpointId);
      refusedSettings.forget(endpointId);
      for (const id of placeIds(endpointId)) {
        await rm(layout.sockets(id), { recursive: true, force: true });
        await computes.delete(id, { durable: false });
      }
      await rm(layout.log(endpointId), { force: true });
      await rm(`${layout.log(endpointId)}.1`, { force: true });
      await usage.delete(endpointId, { durable: false });
      await specs.delete(endpointId);
    });
  }

  /** Stops what runs on a timeline that is being deleted, and whoever works on its files. */
  async stopOn(timelineId: TimelineId): Promise<void> {
    const all = [...this.#endpoints.values()];
    await Promise.all(all.map((endpoint) => endpoint.dropNext(timelineId)));
    const affected = all.filter(
      (endpoint) => endpoint.timelineId === timelineId || isReplicaOf(endpoint, timelineId),
    );
    await inParallel(affected, STOPS_AT_ONCE, async (endpoint) => {
      await endpoint.destroy();
      if (isReplicaOf(endpoint, timelineId)) await this.#forgetFollower(endpoint);
    });
    await this.#parts.claims.vacate(timelineId);
    await rm(this.#parts.layout.peer(timelineId), { recursive: true, force: true });
  }

  /** Tells a proxy how a role proves itself; waits for an endpoint that is still being made. */
  async login(name: EndpointName, request: LoginRequest): Promise<LoginResponse> {
    const { arrivals, timelines } = this.#parts;
    const hasArrived = () => {
      const endpoint = this.#named(name);
      return endpoint !== undefined && timelines.isThere(endpoint.spec.timelineId);
    };
    const arrived = await arrivals.wait(hasArrived, request.waitForSpecMs ?? 0);
    const endpoint = this.#named(name);
    if (!arrived || !endpoint) throw new PgfleetError('endpoint_not_found');
    const verifier = await currentVerifier(endpoint, request.role, this.#parts);
    const { spec, socketPath } = endpoint;
    const { endpointId, projectId, allowedIps, blockPublicConnections, disabled } = spec;
    return {
      endpointId,
      projectId,
      verifier,
      allowedIps,
      blockPublicConnections,
      blockPrivateConnections: spec.blockPrivateConnections ?? false,
      disabled,
      unmasked: spec.unmasked ?? false,
      socketPath,
    };
  }

  /** Suspends everything; nothing starts any more. */
  async close(): Promise<void> {
    clearInterval(this.#persistTimer);
    const reason = new PgfleetError('unavailable', { message: 'the host is stopping' });
    await inParallel(this.#endpoints.values(), STOPS_AT_ONCE, (endpoint) => endpoint.close(reason));
    await Promise.all(this.#writes);
  }

  // A branch id stands for the branch's read-write endpoint, or else for any it has.
  #named(name: EndpointName): Endpoint | undefined {
    const endpoint = this.#endpoints.get(name as EndpointId);
    if (endpoint) return isEphemeral(endpoint.spec.endpointId) ? undefined : endpoint;
    if (!name.startsWith('br-')) return undefined;
    const all = [...this.#endpoints.values()].filter(
      ({ spec }) => spec.branchId === name && !isEphemeral(spec.endpointId),
    );
    return all.find(({ spec }) => spec.type === 'read_write') ?? all[0];
  }

  // One that died may not have been cleared away yet.
  async #forgetFollower({ servedTimelineId }: Endpoint): Promise<void> {
    await this.#parts.claims.vacate(servedTimelineId);
    if (this.#parts.claims.isClaimed(servedTimelineId)) return;
    await endFollowing(this.#parts, servedTimelineId);
  }

  /** Of two records of one endpoint, which was going over from one timeline to another, the one it is on. */
  #rightful(): ReadonlySet<ComputeRecord> {
    const chosen = new Map<EndpointId, ComputeRecord>();
    for (const record of this.#parts.computes.values()) {
      const { endpointId, timelineId } = record;
      const isServed = this.#endpoints.get(endpointId)?.servedTimelineId === timelineId;
      if (isServed || !chosen.has(endpointId)) chosen.set(endpointId, record);
    }
    return new Set(chosen.values());
  }

  async #endStray(record: ComputeRecord): Promise<void> {
    const { computes } = this.#parts;
    const run = await ComputeRun.adopt(this.#parts, record);
    if (run) await run.leave();
    else await computes.delete(placeId(record), { durable: false });
  }

  #add(spec: EndpointSpec): Endpoint {
    const endpoint = new Endpoint(this.#parts, spec, this.#parts.usage.get(spec.endpointId));
    this.#endpoints.set(spec.endpointId, endpoint);
    return endpoint;
  }

  #persistRunning(): void {
    for (const endpoint of this.running()) {
      this.#persist(endpoint, false);
      endpoint.running?.boundLog();
    }
  }

  #persist(endpoint: Endpoint, durable: boolean): void {
    const { usage, log } = this.#parts;
    const { endpointId } = endpoint.spec;
    if (!this.#endpoints.has(endpointId)) return;
    const write = usage
      .put(endpointId, endpoint.usage.read(), { durable })
      .catch((error: unknown) => {
        log.warn({ err: error, endpoint_id: endpointId }, 'usage could not be written');
      })
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }
}

function isReplicaOf({ spec }: Endpoint, timelineId: TimelineId): boolean {
  return isReplica(spec) && spec.timelineId === timelineId;
}
