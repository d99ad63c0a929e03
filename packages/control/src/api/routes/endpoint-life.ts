import { EndpointCreateRequest, PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { requireSettled } from '../../domain/branch-rules.ts';
import { invalidField } from '../../domain/invalid-request.ts';
import { planEndpoint } from '../../domain/new-endpoint.ts';
import { newOperations } from '../../domain/new-operation.ts';
import { getBranch } from '../../store/branches.ts';
import {
  findEndpoint,
  insertEndpoint,
  markEndpointDeleted,
  setPendingState,
} from '../../store/endpoints.ts';
import { insertOperations } from '../../store/operations.ts';
import { lockProject } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import { endpointObject } from '../objects.ts';
import { presentEndpoint, presentNewEndpoint } from '../present/present-endpoint.ts';
import { presentOperation } from '../present/present-operation.ts';
import { requireLibraries } from '../require-libraries.ts';
import { EndpointParams, ProjectParams } from './params.ts';

/** Making and deleting endpoints. */
export function endpointLifeRoutes(app: FastifyInstance, context: ApiContext): void {
  createRoute(app, context);
  deleteRoute(app, context);
}

function createRoute(app: FastifyInstance, context: ApiContext): void {
  const { installation } = context;
  app.post<{ Params: ProjectParams; Body: EndpointCreateRequest }>(
    '/projects/:project_id/endpoints',
    { schema: { params: ProjectParams, body: EndpointCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const { branch_id: branchId, region_id: regionId, ...options } = request.body.endpoint;
        const project = await lockProject(tx, request.params.project_id, principal);
        if (regionId && regionId !== project.region_id) {
          throw invalidField('endpoint.region_id', `must be ${project.region_id}`);
        }
        const branch = await getBranch(tx, project.id, branchId);
        requireSettled(branch);
        const { settings } = options;
        await requireLibraries(tx, project, { settings, field: 'endpoint.settings' });
        const plan = planEndpoint(options, project, installation);
        const endpoint = await insertEndpoint(tx, plan, branch);
        const subject = { projectId: project.id, branchId: branch.id, endpointId: endpoint.id };
        const action = endpoint.is_disabled ? 'apply_config' : 'start_compute';
        const operations = await insertOperations(tx, newOperations(subject, [action]));
        return {
          status: 201,
          body: {
            endpoint: presentNewEndpoint(endpoint, project.region_id, installation),
            operations: operations.map(presentOperation),
          },
        };
      }),
  );
}

function deleteRoute(app: FastifyInstance, context: ApiContext): void {
  const { installation } = context;
  app.delete<{ Params: EndpointParams }>(
    '/projects/:project_id/endpoints/:endpoint_id',
    { schema: { params: EndpointParams } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const { project_id: projectId, endpoint_id: endpointId } = request.params;
        const project = await lockProject(tx, projectId, principal);
        const found = await findEndpoint(tx, project.id, endpointId);
        if (!found) return { status: 204, body: null };
        await requireMatch(request, () => endpointObject(project, found.id, installation)(tx));
        const branch = await getBranch(tx, project.id, found.branch_id);
        requireSettled(branch);
        if (branch.is_protected) {
          throw new PgfleetError('branch_protected', {
            message: 'an endpoint of a protected branch cannot be deleted',
          });
        }
        if (branch.is_anonymized && found.type === 'read_write') {
          throw new PgfleetError('branch_anonymized', {
            message: 'the endpoint for writing of an anonymized branch cannot be deleted',
          });
        }
        await setPendingState(tx, found.id, 'idle');
        const endpoint = await markEndpointDeleted(tx, found.id);
        const subject = { projectId: project.id, branchId: branch.id, endpointId: endpoint.id };
        const actions = ['suspend_compute', 'apply_config'] as const;
        const operations = await insertOperations(tx, newOperations(subject, actions));
        return {
          status: 200,
          body: {
            endpoint: presentEndpoint(endpoint, project.region_id, installation),
            operations: operations.map(presentOperation),
          },
        };
      }),
  );
}
