import { OperationListQuery, PgfleetError } from '@pgfleet/contract';
import type { OperationList } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { isCalendarTime } from '../../domain/timestamps.ts';
import { getOperation, listOperations } from '../../store/operations.ts';
import { getProject } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { presentOperation } from '../present/present-operation.ts';
import { sendInPieces } from '../send-in-pieces.ts';
import { OperationParams, ProjectParams } from './params.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reading operations. */
export function operationRoutes(app: FastifyInstance, { db }: ApiContext): void {
  app.get<{ Params: ProjectParams; Querystring: OperationListQuery }>(
    '/projects/:project_id/operations',
    { schema: { params: ProjectParams, querystring: OperationListQuery } },
    async (request, reply) => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      const page = { ...request.query, projectId: project.id };
      requireTime(page.cursor);
      const operations = await listOperations(db, page);
      const cursor = operations.at(-1)?.cursor;
      return sendInPieces<OperationList>(reply, {
        operations: operations.map(presentOperation),
        ...(cursor ? { pagination: { cursor } } : {}),
      });
    },
  );

  app.get<{ Params: OperationParams }>(
    '/projects/:project_id/operations/:operation_id',
    { schema: { params: OperationParams } },
    async (request) => {
      const { project_id: projectId, operation_id: operationId } = request.params;
      const project = await getProject(db, projectId, principalOf(request));
      if (!uuid.test(operationId)) throw new PgfleetError('operation_not_found');
      return { operation: presentOperation(await getOperation(db, project.id, operationId)) };
    },
  );
}

// The schema knows the form; whether there is such a day is known here.
function requireTime(cursor: string | undefined): void {
  if (cursor === undefined || isCalendarTime(cursor)) return;
  throw new PgfleetError('invalid_request', {
    message: 'invalid request: decode params: query: cursor (not a time)',
  });
}
