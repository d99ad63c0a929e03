import { EndpointUpdateRequest, PgfleetError } from '@pgfleet/contract';
import type { EndpointState, OperationAction } from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { changeEndpoint } from '../../domain/change-endpoint.ts';
import { newOperations } from '../../domain/new-operation.ts';
import type { Database } from '../../store/database.ts';
import {
  getEndpoint,
  listEndpoints,
  setPendingState,
  updateEndpoint,
} from '../../store/endpoints.ts';
import { insertOperations } from '../../store/operations.ts';
import { getProject, lockProject } from '../../store/projects.ts';
import type { EndpointRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import { endpointObject } from '../objects.ts';
import type { ReadObject } from '../objects.ts';
import { presentEndpoint } from '../present/present-endpoint.ts';
import { presentOperation } from '../present/present-operation.ts';
import { EndpointParams, ProjectParams } from './params.ts';

const endpointPath = '/projects/:project_id/endpoints/:endpoint_id';

/** Endpoints: reading, changing, starting and stopping. */
export function endpointRoutes(app: FastifyInstance, context: ApiContext): void {
  readRoutes(app, context);
  powerRoutes(app, context);

  app.patch<{ Params: EndpointParams; Body: EndpointUpdateRequest }>(
    endpointPath,
    { schema: { params: EndpointParams, body: EndpointUpdateRequest } },
    (request, reply) =>
      changing(context, { request, reply }, async (tx, endpoint, read) => {
        await requireMatch(request, () => read(tx));
        const change = changeEndpoint(endpoint, request.body.endpoint, context.installation);
        return {
          after: await updateEndpoint(tx, endpoint.id, change.row),
          actions: change.actions,
        };
      }),
  );
}

function readRoutes(app: FastifyInstance, { db, installation }: ApiContext): void {
  app.get<{ Params: ProjectParams }>(
    '/projects/:project_id/endpoints',
    { schema: { params: ProjectParams } },
    async (request) => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      const endpoints = await listEndpoints(db, { projectId: project.id });
      return {
        endpoints: endpoints.map((endpoint) =>
          presentEndpoint(endpoint, project.region_id, installation),
        ),
      };
    },
  );

  app.get<{ Params: EndpointParams }>(
    endpointPath,
    { schema: { params: EndpointParams } },
    async (request) => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      const endpoint = await getEndpoint(db, project.id, request.params.endpoint_id);
      return { endpoint: presentEndpoint(endpoint, project.region_id, installation) };
    },
  );
}

interface PowerChange {
  readonly pending: EndpointState;
  readonly actions: readonly OperationAction[];
}

const powerChanges: Readonly<Record<'start' | 'suspend' | 'restart', PowerChange>> = {
  start: { pending: 'active', actions: ['start_compute'] },
  suspend: { pending: 'idle', actions: ['suspend_compute'] },
  restart: { pending: 'active', actions: ['suspend_compute', 'start_compute'] },
};

function powerRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const [name, { pending, actions }] of Object.entries(powerChanges)) {
    app.post<{ Params: EndpointParams }>(
      `${endpointPath}/${name}`,
      { schema: { params: EndpointParams } },
      (request, reply) =>
        changing(context, { request, reply }, async (tx, endpoint) => {
          if (endpoint.is_disabled && pending === 'active') {
            throw new PgfleetError('endpoint_disabled');
          }
          return { after: await setPendingState(tx, endpoint.id, pending), actions };
        }),
    );
  }
}

interface ChangedEndpoint {
  readonly after: EndpointRow;
  readonly actions: readonly OperationAction[];
}

function changing(
  context: ApiContext,
  http: { request: FastifyRequest<{ Params: EndpointParams }>; reply: FastifyReply },
  change: (tx: Database, endpoint: EndpointRow, read: ReadObject) => Promise<ChangedEndpoint>,
): Promise<FastifyReply> {
  const { project_id: projectId, endpoint_id: endpointId } = http.request.params;
  return mutate(context, http, async (tx) => {
    const principal = principalOf(http.request);
    const project = await lockProject(tx, projectId, principal);
    const before = await getEndpoint(tx, project.id, endpointId);
    const reread = endpointObject(project, before.id, context.installation);
    const { after, actions } = await change(tx, before, reread);
    const subject = { projectId: project.id, branchId: after.branch_id, endpointId: after.id };
    const operations = await insertOperations(tx, newOperations(subject, actions));
    return {
      status: 200,
      body: {
        endpoint: presentEndpoint(after, project.region_id, context.installation),
        operations: operations.map(presentOperation),
      },
      reread,
    };
  });
}
