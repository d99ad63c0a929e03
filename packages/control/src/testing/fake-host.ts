import { PgfleetError } from '@pgfleet/contract';
import type {
  AdvisorIssue,
  ContentChange,
  EndpointId,
  EndpointSpec,
  EndpointStatus,
  HostClient,
  HostId,
  HostReport,
  PointInTime,
  ResolvedPoint,
  SchemaResponse,
  TimelineContent,
  TimelineId,
  TimelineSpec,
  TimelineStatus,
  VerifyReport,
} from '@pgfleet/contract';

/** The host API in memory: it keeps what it is told and obeys, or fails as a test wants. */
export class FakeHost {
  readonly id: HostId;
  readonly regionId: string;
  readonly timelines = new Map<TimelineId, TimelineSpec>();
  /** Every specification of a timeline that was put, in order. */
  readonly puts: TimelineSpec[] = [];
  readonly endpoints = new Map<EndpointId, EndpointSpec>();
  readonly running = new Set<EndpointId>();
  /** Those of which a test says that they have to start again for their settings. */
  readonly outdated = new Set<EndpointId>();
  /** Why computes run without what their users chose for Postgres. */
  readonly refusals = new Map<EndpointId, string>();
  /** The calls in the order in which they came in, for example `start ep-…`. */
  readonly calls: string[] = [];
  /** Where `head` is, and where everything that is made of another timeline was cut. */
  readonly head = { lsn: '0/1DE2850', at: '2026-01-02T03:04:05.678901Z' };
  /** What `schema` answers, by timeline id and point: `tl-… head`, `tl-… 0/1DE2850`. */
  readonly schemas = new Map<string, string>();
  /** The roles and databases of every timeline. */
  readonly contents = new Map<TimelineId, TimelineContent>();
  /** What a timeline had at a point of its past, by its id and the point, as for schemas. */
  readonly pastContents = new Map<string, TimelineContent>();
  /** What `schema` answers when it is asked for JSON. */
  jsonSchema: SchemaResponse = { json: { tables: [] } };
  /** What `issues` answers. */
  issues: AdvisorIssue[] = [];
  /** What the next drills find wrong. */
  problems: string[] = [];
  /** Whether recoveries are left to the first launch where control allows it. */
  postpones = false;
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
        preloadLibraries: [
          { name: 'auto_explain', pgMajor: 17, version: '17' },
          { name: 'pg_stat_statements', pgMajor: 17, version: '1.11' },
          { name: 'pg_prewarm', pgMajor: 18, version: '1.2' },
        ],
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
        const isKnown = this.timelines.has(spec.timelineId);
        if (spec.source.kind !== 'template' && !isKnown) {
          this.#requireTimeline(spec.source.timelineId);
        }
        this.timelines.set(spec.timelineId, spec);
        if (!isKnown) this.contents.set(spec.timelineId, this.#initialContent(spec));
        this.puts.push(spec);
        const isLeft = this.postpones && spec.opensAtOnce === true;
        const hasOrigin = spec.source.kind !== 'template' && !isLeft;
        return { state: 'ready', origin: hasOrigin ? this.head : null };
      },
      deleteTimeline: async (id, context) => {
        await this.#note(`deleteTimeline ${id}`, context?.signal);
        this.timelines.delete(id);
        this.contents.delete(id);
      },
      content: async (id, { changes }, context) => {
        const kinds = changes.map(({ kind, name }) => ` ${kind} ${name}`).join(',');
        await this.#note(`content ${id}${kinds}`, context?.signal);
        this.#requireTimeline(id);
        const content = changes.reduce(afterChange, this.contents.get(id) ?? noContent);
        this.contents.set(id, content);
        return content;
      },
      checkMasking: async (id, { rules }) => {
        await this.#note(`checkMasking ${id} ${rules.length}`);
        this.#requireTimeline(id);
      },
      timeline: async (id) => {
        await this.#note(`timeline ${id}`);
        this.#requireTimeline(id);
        return this.#timelineStatus(id);
      },
      resolvePoint: async (id, at) => {
        await this.#note(`resolvePoint ${id} ${pointText(at)}`);
        this.#requireTimeline(id);
        return this.#resolve(at);
      },
      schema: async (id, { database, at, format }) => {
        const key = `${id} ${pointText(at)}`;
        await this.#note(`schema ${key}`);
        this.#requireTimeline(id);
        if (database !== 'neondb') throw new PgfleetError('database_not_found');
        return format === 'json' ? this.jsonSchema : { sql: this.schemas.get(key) ?? '' };
      },
      issues: async (id, { database, category, minLevel }) => {
        await this.#note(`issues ${[id, database, category, minLevel].filter(Boolean).join(' ')}`);
        this.#requireTimeline(id);
        if (!this.contents.get(id)?.databases.some(({ name }) => name === database)) {
          throw new PgfleetError('database_not_found');
        }
        return { issues: this.issues };
      },
      verify: async (id, { at }, context) => {
        await this.#note(`verify ${id}`, context?.signal);
        this.#requireTimeline(id);
        return this.#verifyReport(id, at);
      },
      putEndpoint: async (spec, context) => {
        await this.#note(`putEndpoint ${spec.endpointId}`, context?.signal);
        const known = this.endpoints.get(spec.endpointId);
        if (known && known.generation >= spec.generation) return this.status(spec.endpointId);
        // What runs on another timeline than the endpoint's is of no use.
        if (known?.timelineId !== spec.timelineId) this.running.delete(spec.endpointId);
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
        const refusal = this.refusals.get(id);
        return { socketPath: '/fake', started: true, ...(refusal && { refusal }) };
      },
      openNext: async (id, timelineId, context) => {
        await this.#note(`openNext ${id} ${timelineId}`, context?.signal);
        this.#spec(id);
        this.#requireTimeline(timelineId);
      },
      suspend: async (id, context) => {
        const { onlyOutdated = false, signal } = context ?? {};
        await this.#note(`suspend ${id}${onlyOutdated ? ' if outdated' : ''}`, signal);
        this.#spec(id);
        if (!onlyOutdated || this.outdated.has(id)) this.running.delete(id);
        return this.status(id);
      },
    };
    return client as HostClient;
  }

  #initialContent({ source, initial: { roles, databases } }: TimelineSpec): TimelineContent {
    if (source.kind === 'template') {
      return { roles: roles.map((role) => ({ ...role, canLogin: true })), databases };
    }
    const past = this.pastContents.get(`${source.timelineId} ${pointText(source.at)}`);
    return past ?? this.contents.get(source.timelineId) ?? noContent;
  }

  #timelineStatus(timelineId: TimelineId): TimelineStatus {
    return {
      timelineId,
      oldest: this.head,
      headLsn: this.head.lsn,
      logicalBytes: 30_000_000,
      dataBytes: 1_000_000,
      walBytes: 0,
      points: 1,
      lost: [],
    };
  }

  #resolve(at: PointInTime): ResolvedPoint {
    if (at.kind === 'time') return { at, lsn: null };
    const lsn = at.kind === 'lsn' ? at.lsn : this.head.lsn;
    return { at: { kind: 'lsn', lsn }, lsn };
  }

  #verifyReport(timelineId: TimelineId, at: PointInTime = { kind: 'head' }): VerifyReport {
    return {
      timelineId,
      at,
      lsn: this.head.lsn,
      restoreMs: 812.5,
      recoveryPointSeconds: 0.2,
      amcheck: true,
      compared: true,
      databases: 1,
      relations: 70,
      rows: 1000,
      problems: this.problems,
    };
  }

  async #note(call: string, signal?: AbortSignal): Promise<void> {
    this.calls.push(call);
    await this.intercept(call, signal);
  }

  #requireTimeline(id: TimelineId): void {
    if (!this.timelines.has(id)) throw new PgfleetError('timeline_not_found');
  }

  #spec(id: EndpointId): EndpointSpec {
    const spec = this.endpoints.get(id);
    if (!spec) throw new PgfleetError('endpoint_not_found');
    return spec;
  }
}

const noContent: TimelineContent = { roles: [], databases: [] };

function afterChange(content: TimelineContent, change: ContentChange): TimelineContent {
  const { name } = change;
  const roles = content.roles.filter((role) => role.name !== name);
  const databases = content.databases.filter((database) => database.name !== name);
  const known = content.databases.find((database) => database.name === name);
  switch (change.kind) {
    case 'create_role':
    case 'set_password': {
      const { verifier } = change;
      return { ...content, roles: [...roles, { name, verifier, canLogin: verifier !== null }] };
    }
    case 'drop_role':
      return { ...content, roles };
    case 'create_database':
      return { ...content, databases: [...databases, { name, ownerName: change.ownerName }] };
    case 'change_database': {
      const { newName = name, ownerName = known?.ownerName ?? '' } = change;
      return { ...content, databases: [...databases, { name: newName, ownerName }] };
    }
    case 'drop_database':
  }
  return { ...content, databases };
}

function pointText(at: PointInTime): string {
  if (at.kind === 'lsn') return at.lsn;
  return at.kind === 'time' ? at.at : 'head';
}
