import { BranchCreateRequest } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { findParentPoint, makeBranch } from '../make-branch.ts';
import { mutatePrepared } from '../mutation.ts';
import { ProjectParams } from './params.ts';

/** `POST /projects/{project_id}/branches`: the host is asked for the point, operations do the rest. */
export function createBranchRoute(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Params: ProjectParams; Body: BranchCreateRequest }>(
    '/projects/:project_id/branches',
    { schema: { params: ProjectParams, body: BranchCreateRequest } },
    (request, reply) => {
      const { project_id: projectId } = request.params;
      const wish = { projectId, principal: principalOf(request), body: request.body };
      return mutatePrepared(
        context,
        { request, reply },
        {
          prepare: () => findParentPoint(context, wish),
          change: async (tx, point) => ({
            status: 201,
            body: await makeBranch(tx, { wish, point }, context),
          }),
        },
      );
    },
  );
}
