import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import type { AdvisorIssueList } from '../api/advisors.ts';
import type {
  BranchId,
  EndpointId,
  EndpointName,
  HostId,
  OperationId,
  ProjectId,
  TimelineId,
} from '../ids.ts';
import { idPattern } from '../ids.ts';
import { computeQuotas, computeStates } from '../states.ts';
import type { ContentRequest, MaskingCheck, TimelineContent } from './content-api.ts';
import { call } from './rpc.ts';
import type { RpcTransport } from './rpc.ts';
import type {
  IssuesRequest,
  PointInTime,
  ResolvedPoint,
  SchemaRequest,
  SchemaResponse,
  TimelineReady,
  TimelineSpec,
  TimelineStatus,
  TimeTravelRequest,
  TimeTravelResponse,
  VerifyReport,
  VerifyRequest,
} from './timeline-api.ts';

/*
 * The API of a host, for control and proxies. Every call can be repeated. The host keeps what it
 * is told on its own disk, so it goes on while control is down.
 */

const id = <Id extends string>() => Type.Unsafe<Id>(Type.String({ pattern: idPattern }));
const oneOf = <T extends string>(values: readonly T[]) => Type.Unsafe<T>(Type.Enum([...values]));
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const timestamp = Type.String({ description: 'RFC 3339, UTC' });

/** Settings of an endpoint and of the compute behind it. */
export const EndpointSpec = Type.Object({
  endpointId: id<EndpointId>(),
  projectId: id<ProjectId>(),
  branchId: id<BranchId>(),
  timelineId: id<TimelineId>(),
  type: oneOf(['read_write', 'read_only']),
  minCu: Type.Number(),
  maxCu: Type.Number(),
  /** Seconds without activity before suspend; -1 = never. Never 0: control resolves defaults. */
  suspendTimeoutSeconds: Type.Integer({ minimum: -1 }),
  /** Addresses, CIDR blocks or `a-b` ranges; empty = everybody. */
  allowedIps: Type.Array(Type.String()),
  blockPublicConnections: Type.Boolean(),
  /** Absent in what an older control sent: no. */
  blockPrivateConnections: Type.Optional(Type.Boolean()),
  disabled: Type.Boolean(),
  /** Whether the data of the branch is not anonymized yet, so that nobody may see it; absent: no. */
  unmasked: Type.Optional(Type.Boolean()),
  /** Which quota of the project is used up, so that the compute must not run; none if absent. */
  exceededQuota: Type.Optional(nullable(oneOf(computeQuotas))),
  /**
   * How large the data of the branch may be, in bytes; no limit if absent. Beyond it transactions are
   * read-only unless they say otherwise, so that what is there can be deleted.
   */
  logicalSizeLimitBytes: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Postgres settings of the user's choice, by name. */
  pgSettings: Type.Record(Type.String(), Type.String()),
  /** Whether WAL carries what logical decoding needs; absent: no. */
  logicalReplication: Type.Optional(Type.Boolean()),
  /** Libraries that Postgres loads when it starts, in this order. */
  preloadLibraries: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
  /** Grows with every change; a host ignores a spec older than the one it has. */
  generation: Type.Integer({ minimum: 0 }),
});
export type EndpointSpec = Static<typeof EndpointSpec>;

/** What a host says about one of its endpoints. */
export const EndpointStatus = Type.Object({
  endpointId: id<EndpointId>(),
  generation: Type.Integer(),
  state: oneOf(computeStates),
  connections: Type.Integer({ description: 'client connections open through proxies' }),
  lastActiveAt: nullable(timestamp),
  startedAt: nullable(timestamp),
  suspendedAt: nullable(timestamp),
  /** Seconds with a running compute, ever; only grows. */
  activeSeconds: Type.Number(),
  /** Bytes sent to clients, ever; only grows. */
  bytesOut: Type.Number(),
  /** Bytes of WAL that its computes wrote, ever; only grows. Absent in what an older host sent. */
  writtenBytes: Type.Optional(Type.Number()),
  /** Why the last start failed; null after a good one. */
  startError: nullable(Type.String()),
});
export type EndpointStatus = Static<typeof EndpointStatus>;

/** The timeline that an endpoint is about to go over to. */
export const NextRequest = Type.Object({ timelineId: id<TimelineId>() });
export type NextRequest = Static<typeof NextRequest>;

/** Which computes a suspend is for. */
export const SuspendRequest = Type.Object({
  /**
   * Only one whose Postgres has to start again to take its settings over; and that not before nothing
   * is going on in it, for which the host waits a few seconds.
   */
  onlyOutdated: Type.Optional(Type.Boolean()),
});
export type SuspendRequest = Static<typeof SuspendRequest>;

/** A proxy asks how a role of an endpoint proves itself, and where its compute listens. */
export const LoginRequest = Type.Object({
  role: Type.String({ maxLength: 63 * 4 }),
  /** How long the host waits for an endpoint that control has announced but not yet sent. */
  waitForSpecMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000 })),
});
export type LoginRequest = Static<typeof LoginRequest>;

export const LoginResponse = Type.Object({
  /** The endpoint that was meant. */
  endpointId: id<EndpointId>(),
  projectId: id<ProjectId>(),
  /** SCRAM-SHA-256 verifier; null when the role does not exist or has no password. */
  verifier: nullable(Type.String()),
  allowedIps: Type.Array(Type.String()),
  blockPublicConnections: Type.Boolean(),
  blockPrivateConnections: Type.Optional(Type.Boolean()),
  disabled: Type.Boolean(),
  /** As of the endpoint. */
  unmasked: Type.Optional(Type.Boolean()),
  /** Where the compute listens; null when it does not run: then `start` it. */
  socketPath: nullable(Type.String()),
});
export type LoginResponse = Static<typeof LoginResponse>;

export const StartResponse = Type.Object({
  socketPath: Type.String(),
  /** False when the compute was running already. */
  started: Type.Boolean(),
  /** Why it runs without what its user chose for Postgres; for that user. Absent: it does not. */
  refusal: Type.Optional(Type.String()),
});
export type StartResponse = Static<typeof StartResponse>;

/** What a proxy saw of one endpoint since its last report. */
export const ActivityReport = Type.Object({
  endpointId: id<EndpointId>(),
  connections: Type.Integer({ minimum: 0 }),
  bytesIn: Type.Integer({ minimum: 0 }),
  bytesOut: Type.Integer({ minimum: 0 }),
  /** Milliseconds since the last byte in either direction, at the moment of the report. */
  quietMs: Type.Integer({ minimum: 0 }),
});
export type ActivityReport = Static<typeof ActivityReport>;

/** `proxyId` names one proxy process: a host forgets the connections of one that falls silent. */
export const ActivityRequest = Type.Object({
  proxyId: Type.String({ maxLength: 64 }),
  endpoints: Type.Array(ActivityReport, { maxItems: 10_000 }),
});
export type ActivityRequest = Static<typeof ActivityRequest>;

/** What a host is and which protections it has, for `pgfleet doctor` and `/healthz`. */
export const HostInfo = Type.Object({
  hostId: id<HostId>(),
  regionId: Type.String(),
  volumeDriver: oneOf(['btrfs', 'reflink', 'copy']),
  sandbox: Type.String(),
  pgMajors: Type.Array(Type.Integer()),
  /** The libraries that tenants can preload, of every major; absent in what an older host sent. */
  preloadLibraries: Type.Optional(
    Type.Array(
      Type.Object({ name: Type.String(), pgMajor: Type.Integer(), version: Type.String() }),
    ),
  ),
  endpoints: Type.Integer(),
  running: Type.Integer(),
});
export type HostInfo = Static<typeof HostInfo>;

/** Why a call is made, for the log of the host. */
export interface CallContext {
  readonly operationId?: OperationId;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

const START_TIMEOUT_MS = 60_000;
const PROVISION_TIMEOUT_MS = 120_000;
// All masked tables are written anew, twice.
const MASKING_TIMEOUT_MS = 12 * 3_600_000;
// A drill reads every page.
const VERIFY_TIMEOUT_MS = 3_600_000;

/** A typed client of the host API over any transport. */
export function createHostClient(transport: RpcTransport) {
  return {
    info: () => call<HostInfo>(transport, { method: 'GET', path: '/v1/info' }),

    /**
     * Makes the timeline exist, at rest and ready; resolves when it is durable, or can be made durable
     * again by the host alone. One that exists
     * takes over the retention of its history, and the passwords of `passwordsOf`.
     *
     * @throws PgfleetError `timeline_not_found` for a source that does not exist,
     * `point_not_available`, `history_damaged`, `masking_refused`.
     */
    putTimeline: (spec: TimelineSpec, context: CallContext = {}) =>
      call<TimelineReady>(transport, {
        method: 'PUT',
        path: `/v1/timelines/${spec.timelineId}`,
        body: spec,
        timeoutMs: spec.source.kind === 'masked' ? MASKING_TIMEOUT_MS : PROVISION_TIMEOUT_MS,
        ...context,
      }),

    /** Stops what runs on the timeline and deletes it; success when it is already gone. */
    deleteTimeline: (timelineId: TimelineId, context: CallContext = {}) =>
      call<void>(transport, {
        method: 'DELETE',
        path: `/v1/timelines/${timelineId}`,
        timeoutMs: PROVISION_TIMEOUT_MS,
        ...context,
      }),

    timeline: (timelineId: TimelineId, context: CallContext = {}) =>
      call<TimelineStatus>(transport, {
        method: 'GET',
        path: `/v1/timelines/${timelineId}`,
        ...context,
      }),

    /**
     * Says whether the timeline can be had as of a point.
     *
     * @throws PgfleetError `timeline_not_found`, `point_not_available`.
     */
    resolvePoint: (timelineId: TimelineId, at: PointInTime, context: CallContext = {}) =>
      call<ResolvedPoint>(transport, {
        method: 'POST',
        path: `/v1/timelines/${timelineId}/resolve`,
        body: { at },
        ...context,
      }),

    /** @throws PgfleetError `database_not_found`, `pg_dump_missing`, `point_not_available`. */
    schema: (timelineId: TimelineId, request: SchemaRequest, context: CallContext = {}) =>
      call<SchemaResponse>(transport, {
        method: 'POST',
        path: `/v1/timelines/${timelineId}/schema`,
        body: request,
        timeoutMs: PROVISION_TIMEOUT_MS,
        ...context,
      }),

    /**
     * Looks for mistakes in a database as it is now: in the compute that runs, or in a copy of a
     * timeline at rest, which goes on resting.
     *
     * @throws PgfleetError `timeline_not_found`, `database_not_found`, `analysis_too_slow`,
     * `too_many_requests`.
     */
    issues: (timelineId: TimelineId, request: IssuesRequest, context: CallContext = {}) =>
      call<AdvisorIssueList>(transport, {
        method: 'POST',
        path: `/v1/timelines/${timelineId}/issues`,
        body: request,
        timeoutMs: PROVISION_TIMEOUT_MS,
        ...context,
      }),

    /**
     * Changes roles and databases of a timeline, whether it runs or rests; resolves with what there
     * is then. A timeline at rest is run for it by the host alone, and goes on resting.
     *
     * @throws PgfleetError `timeline_not_found`, `change_refused`; `unavailable`, `timeline_locked`
     * when its compute was stopped or is in between.
     */
    content: (timelineId: TimelineId, request: ContentRequest, context: CallContext = {}) =>
      call<TimelineContent>(transport, {
        method: 'POST',
        path: `/v1/timelines/${timelineId}/content`,
        body: request,
        timeoutMs: PROVISION_TIMEOUT_MS,
        ...context,
      }),

    /**
     * Checks that a timeline has the columns of masking rules, and that they can be masked.
     *
     * @throws PgfleetError `timeline_not_found`, `masking_refused`; `unavailable`, `timeline_locked`
     * when its compute was stopped or is in between.
     */
    checkMasking: (timelineId: TimelineId, request: MaskingCheck, context: CallContext = {}) =>
      call<void>(transport, {
        method: 'POST',
        path: `/v1/timelines/${timelineId}/masking`,
        body: request,
        ...context,
      }),

    verify: (timelineId: TimelineId, request: VerifyRequest, context: CallContext = {}) =>
      call<VerifyReport>(transport, {
        method: 'POST',
        path: `/v1/timelines/${timelineId}/verify`,
        body: request,
        timeoutMs: VERIFY_TIMEOUT_MS,
        ...context,
      }),

    /**
     * Makes, or finds, and starts the read-only endpoint that shows the branch of an endpoint as it
     * was; resolves when it accepts connections. Only for clients who have logged in at the
     * endpoint itself, because it costs disk and processor time. It is in use from now on, so it is
     * there at least until the caller has got in; nobody can `login` at it.
     *
     * @throws PgfleetError `endpoint_not_found`, `endpoint_disabled`, `point_not_available` with a
     * message that says what is available, `role_not_found` for a role of later, `history_damaged`,
     * `too_many_requests` when the branch is shown at too many points, and what `start` throws.
     */
    timeTravel: (request: TimeTravelRequest, context: CallContext = {}) =>
      call<TimeTravelResponse>(transport, {
        method: 'POST',
        path: '/v1/time-travel',
        body: request,
        timeoutMs: START_TIMEOUT_MS,
        ...context,
      }),

    /**
     * Creates or changes an endpoint. What runs takes the change over at once where Postgres allows;
     * for the rest it starts again as soon as nothing is going on in it, or when it is told to. What
     * runs on another timeline than the one that it names has ended when this resolves.
     *
     * @throws PgfleetError `invalid_request` when Postgres does not accept one of its settings: those
     * stay as they were then.
     */
    putEndpoint: (spec: EndpointSpec, context: CallContext = {}) =>
      call<EndpointStatus>(transport, {
        method: 'PUT',
        path: `/v1/endpoints/${spec.endpointId}`,
        body: spec,
        timeoutMs: START_TIMEOUT_MS,
        ...context,
      }),

    /** Stops the compute and forgets the endpoint; success when it is already gone. */
    deleteEndpoint: (endpointId: EndpointId, context: CallContext = {}) =>
      call<void>(transport, {
        method: 'DELETE',
        path: `/v1/endpoints/${endpointId}`,
        timeoutMs: START_TIMEOUT_MS,
        ...context,
      }),

    endpoints: () =>
      call<{ readonly endpoints: readonly EndpointStatus[] }>(transport, {
        method: 'GET',
        path: '/v1/endpoints',
      }),

    endpoint: (endpointId: EndpointId) =>
      call<EndpointStatus>(transport, { method: 'GET', path: `/v1/endpoints/${endpointId}` }),

    /** Resolves when the compute accepts connections; concurrent calls share one start. */
    start: (endpointId: EndpointId, context: CallContext = {}) =>
      call<StartResponse>(transport, {
        method: 'POST',
        path: `/v1/endpoints/${endpointId}/start`,
        body: {},
        timeoutMs: START_TIMEOUT_MS,
        ...context,
      }),

    /**
     * Opens a timeline beside the one that the endpoint serves, and recovers it on the way if that was
     * left to its first launch. The endpoint goes over to it when a specification says so, and its
     * clients wait for neither a recovery nor a start then. One that it does not go over to is stopped
     * after a minute.
     */
    openNext: (endpointId: EndpointId, timelineId: TimelineId, context: CallContext = {}) =>
      call<void>(transport, {
        method: 'POST',
        path: `/v1/endpoints/${endpointId}/next`,
        body: { timelineId } satisfies NextRequest,
        timeoutMs: START_TIMEOUT_MS,
        ...context,
      }),

    /** Resolves when no process of the compute is left. */
    suspend: (endpointId: EndpointId, context: CallContext & SuspendRequest = {}) => {
      const { onlyOutdated = false, ...rest } = context;
      return call<EndpointStatus>(transport, {
        method: 'POST',
        path: `/v1/endpoints/${endpointId}/suspend`,
        body: { onlyOutdated },
        timeoutMs: START_TIMEOUT_MS,
        ...rest,
      });
    },

    /**
     * A branch id stands for the read-write endpoint of the branch, or else for any it has.
     *
     * @throws PgfleetError `endpoint_not_found`.
     */
    login: (name: EndpointName, request: LoginRequest, context: CallContext = {}) =>
      call<LoginResponse>(transport, {
        method: 'POST',
        path: `/v1/endpoints/${name}/login`,
        body: request,
        timeoutMs: (request.waitForSpecMs ?? 0) + START_TIMEOUT_MS,
        ...context,
      }),

    reportActivity: (request: ActivityRequest, context: CallContext = {}) =>
      call<void>(transport, { method: 'POST', path: '/v1/activity', body: request, ...context }),
  };
}

export type HostClient = ReturnType<typeof createHostClient>;
