import { errorCatalogue, HostReport, idPattern, PgfleetError } from '@pgfleet/contract';
import type {
  EndpointName,
  EndpointRoute,
  HostEntry,
  HostId,
  RpcErrorBody,
} from '@pgfleet/contract';
import { equalInConstantTime } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { OperationKicker } from '../api/api-context.ts';
import { toClientError } from '../api/describe-error.ts';
import { acceptJson, compileValidator } from '../api/validation.ts';
import type { Database } from '../store/database.ts';
import {
  findRoute,
  listHosts,
  saveEndpointStatuses,
  saveHost,
  saveTimelineStatuses,
} from '../store/hosts.ts';
import { wakeOperations } from '../store/operation-queue.ts';
import { settleQuotasOf } from '../store/quotas.ts';

export interface InternalApiOptions {
  readonly db: Database;
  readonly worker: OperationKicker;
  /** The bearer token of all internal APIs. */
  readonly token: string;
  readonly log: Logger;
}

/** Ten thousand endpoints in one report stay below this. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Builds the server that hosts report to and that proxies ask for routes. */
export function createInternalApi(options: InternalApiOptions): FastifyInstance {
  const { log, token } = options;
  const app = Fastify({ bodyLimit: MAX_BODY_BYTES });
  app.setValidatorCompiler(compileValidator);
  acceptJson(app);
  app.addHook('onRequest', async ({ headers }) => {
    if (!equalInConstantTime(headers.authorization ?? '', `Bearer ${token}`)) {
      throw new PgfleetError('unauthenticated');
    }
  });
  app.setNotFoundHandler(() => Promise.reject(new PgfleetError('not_found')));
  app.setErrorHandler(async (error, _request, reply): Promise<RpcErrorBody> => {
    const { code, message, entry } = toClientError(error);
    if (entry.kind === 'internal') log.error({ err: error }, 'internal call failed');
    reply.code(entry.http);
    return { code, message };
  });
  hostRoutes(app, options);
  routeRoutes(app, options);
  return app;
}

const HostParams = Type.Object({ host_id: Type.String({ pattern: idPattern }) });
const RouteParams = Type.Object({ name: Type.String({ pattern: idPattern }) });

function hostRoutes(app: FastifyInstance, { db, worker, log }: InternalApiOptions): void {
  app.post<{ Params: { host_id: HostId }; Body: HostReport }>(
    '/internal/v1/hosts/:host_id/report',
    { schema: { params: HostParams, body: HostReport } },
    async ({ params, body }, reply) => {
      if (body.info.hostId !== params.host_id) throw new PgfleetError('invalid_request');
      const isChanged = await saveHost(db, body);
      await saveEndpointStatuses(db, params.host_id, body.endpoints);
      await saveTimelineStatuses(db, params.host_id, body.timelines);
      const used = body.endpoints.map(({ endpointId }) => endpointId);
      if (await settleQuotasOf(db, used)) worker.kick();
      if (isChanged) {
        log.info({ host_id: params.host_id, address: body.address }, 'host registered');
        await wakeOperations(db);
        worker.kick();
      }
      return reply.code(204).send();
    },
  );

  app.get(
    '/internal/v1/hosts',
    async (): Promise<{ readonly hosts: readonly HostEntry[] }> => ({
      hosts: await listHosts(db),
    }),
  );
}

function routeRoutes(app: FastifyInstance, { db }: InternalApiOptions): void {
  app.get<{ Params: { name: EndpointName } }>(
    '/internal/v1/endpoints/:name/route',
    { schema: { params: RouteParams } },
    async ({ params }): Promise<EndpointRoute> => {
      const route = await findRoute(db, params.name);
      if (!route) throw new PgfleetError('endpoint_not_found');
      if (route.creationError !== null) throw notCreated(route.creationError);
      // No host of the region has reported yet: the proxy asks again.
      if (route.hostId === null) throw new PgfleetError('unavailable');
      return { hostId: route.hostId, regionId: route.regionId, pending: route.pending };
    },
  );
}

// Whoever connects is told why, instead of waiting for what will not come.
function notCreated(reason: string): PgfleetError {
  const { title } = errorCatalogue.branch_not_created;
  return new PgfleetError('branch_not_created', { message: `${title}: ${reason}` });
}
