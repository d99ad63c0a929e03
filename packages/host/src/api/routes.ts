import {
  ActivityRequest,
  ContentRequest,
  EndpointSpec,
  IssuesRequest,
  LoginRequest,
  MaskingCheck,
  NextRequest,
  PgfleetError,
  ResolveRequest,
  SchemaRequest,
  SuspendRequest,
  TimelineSpec,
  TimeTravelRequest,
  VerifyRequest,
} from '@pgfleet/contract';
import type {
  EndpointId,
  EndpointStatus,
  HostInfo,
  TimelineId,
  TimelineReady,
} from '@pgfleet/contract';
import { hangUpSignal } from '@pgfleet/kit';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { TimelineContents } from '../content/timeline-contents.ts';
import type { Arrivals } from '../endpoints/arrivals.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import type { Proxies } from '../endpoints/proxies.ts';
import type { Past } from '../restore/past.ts';
import type { TimeTravel } from '../restore/time-travel.ts';
import type { Timelines } from '../timelines/timelines.ts';

/** What the API speaks for. */
export interface HostServices {
  readonly timelines: Timelines;
  readonly endpoints: Endpoints;
  readonly proxies: Proxies;
  readonly arrivals: Arrivals;
  readonly contents: TimelineContents;
  readonly past: Past;
  readonly putTimeline: (spec: TimelineSpec) => Promise<TimelineReady['origin']>;
  readonly putEndpoint: (spec: EndpointSpec) => Promise<EndpointStatus>;
  readonly deleteEndpoint: (endpointId: EndpointId) => Promise<void>;
  readonly timeTravel: TimeTravel;
  readonly info: () => HostInfo;
}

type OfTimeline = { Params: { timelineId: TimelineId } };
type OfEndpoint = { Params: { endpointId: EndpointId } };

const { endpointId, timelineId } = { ...EndpointSpec.properties };
const ofTimeline = { params: Type.Object({ timelineId }) };
const ofEndpoint = { params: Type.Object({ endpointId }) };

/** Adds the routes of the contract's host API. */
export function addRoutes(app: FastifyInstance, services: HostServices): void {
  app.addHook<{ Params: Partial<OfTimeline['Params']> }>(
    'preHandler',
    async ({ params: { timelineId: asked }, method }) => {
      // One that is being made again is there for whoever asks, but for whom it is in the way.
      if (asked !== undefined && method !== 'DELETE') await services.timelines.remade(asked);
    },
  );
  app.get('/v1/info', async () => services.info());
  addTimelineRoutes(app, services);
  addHistoryRoutes(app, services);
  addEndpointRoutes(app, services);
  addComputeRoutes(app, services);
  app.post<{ Body: ActivityRequest }>(
    '/v1/activity',
    { schema: { body: ActivityRequest } },
    async ({ body }, reply) => {
      services.proxies.note(body);
      return reply.code(204).send();
    },
  );
}

function addTimelineRoutes(app: FastifyInstance, services: HostServices): void {
  const { timelines, endpoints, arrivals, contents, putTimeline } = services;

  app.put<OfTimeline & { Body: TimelineSpec }>(
    '/v1/timelines/:timelineId',
    { schema: { ...ofTimeline, body: TimelineSpec } },
    async ({ params, body }) => {
      assertSame(params.timelineId, body.timelineId);
      const origin = await putTimeline(body);
      arrivals.announce();
      return { state: 'ready' as const, origin };
    },
  );

  app.delete<OfTimeline>(
    '/v1/timelines/:timelineId',
    { schema: ofTimeline },
    async ({ params }, reply) => {
      await timelines.delete(params.timelineId, (id) => endpoints.stopOn(id));
      return reply.code(204).send();
    },
  );

  app.post<OfTimeline & { Body: ContentRequest }>(
    '/v1/timelines/:timelineId/content',
    { schema: { ...ofTimeline, body: ContentRequest } },
    async ({ params, body }, reply) =>
      contents.change(params.timelineId, body.changes, whileAsked(reply)),
  );

  app.post<OfTimeline & { Body: MaskingCheck }>(
    '/v1/timelines/:timelineId/masking',
    { schema: { ...ofTimeline, body: MaskingCheck } },
    async ({ params, body }, reply) => {
      await contents.checkMasking(params.timelineId, body.rules, whileAsked(reply));
      return reply.code(204).send();
    },
  );

  app.post<OfTimeline & { Body: IssuesRequest }>(
    '/v1/timelines/:timelineId/issues',
    { schema: { ...ofTimeline, body: IssuesRequest } },
    async ({ params, body }, reply) => contents.issues(params.timelineId, body, whileAsked(reply)),
  );
}

function addHistoryRoutes(app: FastifyInstance, { past, timeTravel }: HostServices): void {
  app.get<OfTimeline>('/v1/timelines/:timelineId', { schema: ofTimeline }, async ({ params }) =>
    past.status(params.timelineId),
  );

  app.post<OfTimeline & { Body: ResolveRequest }>(
    '/v1/timelines/:timelineId/resolve',
    { schema: { ...ofTimeline, body: ResolveRequest } },
    async ({ params, body }, reply) => past.resolve(params.timelineId, body.at, whileAsked(reply)),
  );

  app.post<OfTimeline & { Body: SchemaRequest }>(
    '/v1/timelines/:timelineId/schema',
    { schema: { ...ofTimeline, body: SchemaRequest } },
    async ({ params, body }, reply) => past.schema(params.timelineId, body, whileAsked(reply)),
  );

  app.post<OfTimeline & { Body: VerifyRequest }>(
    '/v1/timelines/:timelineId/verify',
    { schema: { ...ofTimeline, body: VerifyRequest } },
    async ({ params, body }, reply) => past.verify(params.timelineId, body, whileAsked(reply)),
  );

  app.post<{ Body: TimeTravelRequest }>(
    '/v1/time-travel',
    { schema: { body: TimeTravelRequest } },
    async ({ body }) => timeTravel.show(body),
  );
}

function addEndpointRoutes(app: FastifyInstance, services: HostServices): void {
  const { endpoints, putEndpoint, deleteEndpoint } = services;

  app.get('/v1/endpoints', async () => ({
    endpoints: [...endpoints.values()].map((endpoint) => endpoint.status()),
  }));

  app.get<OfEndpoint>('/v1/endpoints/:endpointId', { schema: ofEndpoint }, async ({ params }) =>
    endpoints.get(params.endpointId).status(),
  );

  app.put<OfEndpoint & { Body: EndpointSpec }>(
    '/v1/endpoints/:endpointId',
    { schema: { ...ofEndpoint, body: EndpointSpec } },
    async ({ params, body }) => {
      assertSame(params.endpointId, body.endpointId);
      return putEndpoint(body);
    },
  );

  app.delete<OfEndpoint>(
    '/v1/endpoints/:endpointId',
    { schema: ofEndpoint },
    async ({ params }, reply) => {
      await deleteEndpoint(params.endpointId);
      return reply.code(204).send();
    },
  );
}

function addComputeRoutes(app: FastifyInstance, { endpoints }: HostServices): void {
  app.post<OfEndpoint>(
    '/v1/endpoints/:endpointId/start',
    { schema: ofEndpoint },
    async ({ params }) => endpoints.get(params.endpointId).start(),
  );

  app.post<OfEndpoint & { Body: NextRequest }>(
    '/v1/endpoints/:endpointId/next',
    { schema: { ...ofEndpoint, body: NextRequest } },
    async ({ params, body }, reply) => {
      await endpoints.get(params.endpointId).openNext(body.timelineId);
      return reply.code(204).send();
    },
  );

  app.post<OfEndpoint & { Body: SuspendRequest }>(
    '/v1/endpoints/:endpointId/suspend',
    { schema: { ...ofEndpoint, body: SuspendRequest } },
    async ({ params, body }) => {
      const endpoint = endpoints.get(params.endpointId);
      await (body.onlyOutdated ? endpoint.suspendOutdated() : endpoint.suspend());
      return endpoint.status();
    },
  );

  app.post<OfEndpoint & { Body: LoginRequest }>(
    '/v1/endpoints/:endpointId/login',
    { schema: { ...ofEndpoint, body: LoginRequest } },
    async ({ params, body }) => endpoints.login(params.endpointId, body),
  );
}

function assertSame(inPath: string, inBody: string): void {
  if (inPath === inBody) return;
  throw new PgfleetError('invalid_request', { message: "the id in the path is not the body's" });
}

/** Aborts when whoever asked went away, whom nothing of the answer reaches any more. */
function whileAsked({ raw }: FastifyReply): AbortSignal {
  return hangUpSignal(
    raw,
    () => new PgfleetError('invalid_request', { message: 'the caller went away' }),
  );
}
