import {
  TransferProjectsRequest,
  TransferRequestAcceptRequest,
  TransferRequestCreateRequest,
} from '@pgfleet/contract';
import type { TransferRequest } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { organizationsWith, requireOrganization, requireUser } from '../../domain/principal.ts';
import { timestamp } from '../../domain/timestamps.ts';
import { lockProject } from '../../store/projects.ts';
import type { TransferRequestRow } from '../../store/schema.ts';
import {
  acceptTransferRequest,
  insertTransferRequest,
  transferProjects,
} from '../../store/transfer-projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutate } from '../mutation.ts';
import { chooseOrganization } from './create-project.ts';
import { ProjectParams, SourceOrganizationParams, TransferRequestParams } from './params.ts';

const offers = '/projects/:project_id/transfer_requests';

/** Offering a project to somebody else, and taking up the offer. */
export function transferRequestRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Params: ProjectParams; Body: TransferRequestCreateRequest }>(
    offers,
    { schema: { params: ProjectParams, body: TransferRequestCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const access = { ...principal, right: 'manage' } as const;
        const project = await lockProject(tx, request.params.project_id, access);
        const row = await insertTransferRequest(tx, project, {
          createdBy: principal.userId,
          ttlSeconds: request.body.ttl_seconds,
        });
        return { status: 201, body: presentTransferRequest(row) };
      }),
  );

  app.put<{ Params: TransferRequestParams; Body: TransferRequestAcceptRequest }>(
    `${offers}/:request_id`,
    { schema: { params: TransferRequestParams, body: TransferRequestAcceptRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const organizationId = chooseOrganization(principal, request.body.org_id);
        const { project_id: projectId, request_id: id } = request.params;
        const to = { organizationId, userId: principal.userId };
        await acceptTransferRequest(tx, { projectId, id }, to);
        return { status: 204, body: null };
      }),
  );
}

/** Moving projects to another organization of one's own. */
export function transferRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Params: SourceOrganizationParams; Body: TransferProjectsRequest }>(
    '/organizations/:source_org_id/projects/transfer',
    { schema: { params: SourceOrganizationParams, body: TransferProjectsRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const { destination_org_id: wanted, project_ids: ids } = request.body;
        const from = requireOrganization(principal, request.params.source_org_id, 'manage');
        const organizationId = requireOrganization(principal, wanted, 'create');
        await transferProjects(tx, ids, {
          to: { organizationId, userId: principal.userId },
          isMovable: (project) => project.organization_id === from,
        });
        return { status: 200, body: {} };
      }),
  );

  // Nobody has projects beside organizations: a user's are those that the user made.
  app.post<{ Body: TransferProjectsRequest }>(
    '/users/me/projects/transfer',
    { schema: { body: TransferProjectsRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        requireUser(principal);
        const { destination_org_id: wanted, project_ids: ids } = request.body;
        const managed = organizationsWith(principal, 'manage');
        const organizationId = requireOrganization(principal, wanted, 'create');
        await transferProjects(tx, ids, {
          to: { organizationId, userId: principal.userId },
          isMovable: ({ owner_id: ownerId, organization_id: from }) =>
            ownerId === principal.userId && managed.includes(from),
        });
        return { status: 200, body: {} };
      }),
  );
}

function presentTransferRequest(row: TransferRequestRow): TransferRequest {
  return {
    id: row.id,
    project_id: row.project_id,
    created_at: timestamp(row.created_at),
    expires_at: timestamp(row.expires_at),
  };
}
