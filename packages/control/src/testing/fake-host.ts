import { PgfleetError } from '@pgfleet/contract';
import type {
  EndpointId,
  EndpointSpec,
  EndpointStatus,
  HostClient,
  HostId,
  HostReport,
  TimelineId,
  TimelineSpec,
} from '@pgfleet/contract';

/** The host API in memory: it keeps what it is told and obeys, or fails as a test wants. */
export class FakeHost {
  readonly id: HostId;
  readonly regionId: string;
  readonly timelines = new Map<TimelineId, TimelineSpec>();
  readonly endpoints = new Map<EndpointId, EndpointSpec>();
  readonly running = new Set<EndpointId>();
  /** The calls in the order in which they came in, for example `start ep-…`. */
  readonly calls: string[] = [];
  /** Runs before every call; may throw or wait. */
  intercept: (call: string, signal?: AbortSignal) => void | Promise<void> = () => undefined;

  constructor(id = 'host-1', regionId = 'aws-us-east-2') {
    this.id = id as HostId;
    this.regionId = regionId;
  }

  get address(): string {
    return `unix:/fake/${this.id}.sock`;
  }

  /** What the host reports to control. */
  report(...endpoints: readonly EndpointStatus[]): HostReport {
    return {
      address: this.address,
      info: {
        hostId: this.id,
        regionId: this.regionId,
        volumeDriver: 'copy',
        sandbox: 'none',
        pgMajors: [18, 17],
        endpoints: this.endpoints.size,
        running: this.running.size,
      },
      endpoints: [...endpoints],
      timelines: [],
    };
  }

  /** The status of an endpoint in the state it is in. */
  status(id: EndpointId, change: Partial<EndpointStatus> = {}): EndpointStatus {
    const spec = this.#spec(id);
    return {
      endpointId: spec.endpointId,
      generation: spec.generation,
      state: this.running.has(id) ? 'active' : 'idle',
      connections: 0,
      lastActiveAt: null,
      startedAt: null,
      suspendedAt: null,
      activeSeconds: 0,
      bytesOut: 0,
      startError: null,
      ...change,
    };
  }

  client(): HostClient {
    const client: Partial<HostClient> = {
      putTimeline: async (spec, context) => {
        await this.#note(`putTimeline ${spec.timelineId}`, context?.signal);
        this.timelines.set(spec.timelineId, spec);
        return { state: 'ready', origin: null };
      },
      deleteTimeline: async (id, context) => {
        await this.#note(`deleteTimeline ${id}`, context?.signal);
        this.timelines.delete(id);
      },
      putEndpoint: async (spec, context) => {
        await this.#note(`putEndpoint ${spec.endpointId}`, context?.signal);
        this.endpoints.set(spec.endpointId, spec);
        return this.status(spec.endpointId);
      },
      deleteEndpoint: async (id, context) => {
        await this.#note(`deleteEndpoint ${id}`, context?.signal);
        this.endpoints.delete(id);
        this.running.delete(id);
      },
      start: async (id, context) => {
        await this.#note(`start ${id}`, context?.signal);
        this.#spec(id);
        this.running.add(id);
        return { socketPath: '/fake', started: true };
      },
      suspend: async (id, context) => {
        await this.#note(`suspend ${id}`, context?.signal);
        this.#spec(id);
        this.running.delete(id);
        return this.status(id);
      },
    };
    return client as HostClient;
  }

  async #note(call: string, signal?: AbortSignal): Promise<void> {
    this.calls.push(call);
    await this.intercept(call, signal);
  }

  #spec(id: EndpointId): EndpointSpec {
    const spec = this.endpoints.get(id);
    if (!spec) throw new PgfleetError('endpoint_not_found');
    return spec;
  }
}
