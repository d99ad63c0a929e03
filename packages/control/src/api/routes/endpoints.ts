import { EndpointUpdateRequest, PgfleetError, quotaExceeded } from '@pgfleet/contract';
import type { EndpointList, EndpointState, OperationAction } from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { carryChange } from '../../domain/carry-change.ts';
import { changeEndpoint } from '../../domain/change-endpoint.ts';
import { newOperations } from '../../domain/new-operation.ts';
import type { NewOperation, OperationSubject } from '../../domain/new-operation.ts';
import type { Database } from '../../store/database.ts';
import {
  getEndpoint,
  listEndpoints,
  setPendingState,
  updateEndpoint,
} from '../../store/endpoints.ts';
import { insertOperations } from '../../store/operations.ts';
import { getProject, lockProject } from '../../store/projects.ts';
import type { EndpointRow, ProjectRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import { endpointObject } from '../objects.ts';
import type { ReadObject } from '../objects.ts';
import { presentEndpoint } from '../present/present-endpoint.ts';
import { presentOperation } from '../present/present-operation.ts';
import { requireLibraries } from '../require-libraries.ts';
import { sendInPieces } from '../send-in-pieces.ts';
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
      changing(context, { request, reply }, async (tx, { endpoint, project, read }) => {
        await requireMatch(request, () => read(tx));
        const { settings } = request.body.endpoint;
        await requireLibraries(tx, project, { settings, field: 'endpoint.settings' });
        const { installation } = context;
        const change = changeEndpoint(endpoint, request.body.endpoint, { installation, project });
        const { effect } = change;
        const isNews = effect !== null;
        const after = await updateEndpoint(tx, endpoint.id, { ...change.row, isNews });
        return { after, plan: (subject) => (effect ? carryChange(subject, endpoint, effect) : []) };
      }),
  );
}

function readRoutes(app: FastifyInstance, { db, installation }: ApiContext): void {
  app.get<{ Params: ProjectParams }>(
    '/projects/:project_id/endpoints',
    { schema: { params: ProjectParams } },
    async (request, reply) => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      const endpoints = await listEndpoints(db, { projectId: project.id });
      return sendInPieces<EndpointList>(reply, {
        endpoints: endpoints.map((endpoint) =>
          presentEndpoint(endpoint, project.region_id, installation),
        ),
      });
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
        changing(context, { request, reply }, async (tx, { endpoint, project }) => {
          if (pending === 'active') requireStartable(endpoint, project);
          const after = await setPendingState(tx, endpoint.id, pending);
          return { after, plan: (subject) => newOperations(subject, actions) };
        }),
    );
  }
}

function requireStartable(endpoint: EndpointRow, project: ProjectRow): void {
  if (endpoint.is_disabled) throw new PgfleetError('endpoint_disabled');
  if (project.exceeded_quota) throw quotaExceeded(project.exceeded_quota);
}

interface ChangedEndpoint {
  readonly after: EndpointRow;
  readonly plan: (subject: OperationSubject) => readonly NewOperation[];
}

function changing(
  context: ApiContext,
  http: { request: FastifyRequest<{ Params: EndpointParams }>; reply: FastifyReply },
  change: (
    tx: Database,
    known: {
      readonly endpoint: EndpointRow;
      readonly project: ProjectRow;
      readonly read: ReadObject;
    },
  ) => Promise<ChangedEndpoint>,
): Promise<FastifyReply> {
  const { project_id: projectId, endpoint_id: endpointId } = http.request.params;
  return mutate(context, http, async (tx) => {
    const principal = principalOf(http.request);
    const project = await lockProject(tx, projectId, principal);
    const endpoint = await getEndpoint(tx, project.id, endpointId);
    const read = endpointObject(project, endpoint.id, context.installation);
    const { after, plan } = await change(tx, { endpoint, project, read });
    const subject = { projectId: project.id, branchId: after.branch_id, endpointId: after.id };
    const operations = await insertOperations(tx, plan(subject));
    return {
      status: 200,
      body: {
        endpoint: presentEndpoint(after, project.region_id, context.installation),
        operations: operations.map(presentOperation),
      },
      reread: read,
    };
  });
}
