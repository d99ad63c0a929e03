import { BranchDeleteQuery } from '@pgfleet/contract';
import type { BranchOperations, ProjectId, RecoveredBranch } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import {
  findBranch,
  findDeletedBranch,
  getBranch,
  getDeletedBranch,
  requireFreeName,
} from '../../store/branches.ts';
import type { Database } from '../../store/database.ts';
import { deleteBranch, purgeDeletedBranch, recoverBranch } from '../../store/delete-branch.ts';
import { listEndpoints } from '../../store/endpoints.ts';
import { lockProject } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import type { Answer } from '../mutation.ts';
import { branchObject } from '../objects.ts';
import { presentBranch } from '../present/present-branch.ts';
import { presentEndpoint } from '../present/present-endpoint.ts';
import { presentOperation } from '../present/present-operation.ts';
import { BranchParams } from './params.ts';

const branchPath = '/projects/:project_id/branches/:branch_id';

/** Deleting branches, and bringing them back. */
export function deleteBranchRoutes(app: FastifyInstance, context: ApiContext): void {
  app.delete<{ Params: BranchParams; Querystring: BranchDeleteQuery }>(
    branchPath,
    { schema: { params: BranchParams, querystring: BranchDeleteQuery } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const { project_id: projectId, branch_id: branchId } = request.params;
        const project = await lockProject(tx, projectId, principal);
        const { hard_delete: isHard } = request.query;
        const branch = await findBranch(tx, project.id, branchId);
        if (!branch) return isHard ? purge(tx, project.id, branchId) : nothingLeft;
        await requireMatch(request, () => branchObject(project.id, branch.id)(tx));
        const how = { by: principal.userId, isHard };
        const operations = await deleteBranch(tx, branch, how);
        const body: BranchOperations = {
          branch: presentBranch(branch),
          operations: operations.map(presentOperation),
        };
        return { status: 200, body, preempts: true };
      }),
  );

  app.post<{ Params: BranchParams }>(
    `${branchPath}/recover`,
    { schema: { params: BranchParams } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const { project_id: projectId, branch_id: branchId } = request.params;
        const project = await lockProject(tx, projectId, principal);
        const deleted = await getDeletedBranch(tx, project.id, branchId);
        await requireFreeName(tx, project.id, deleted.name);
        await recoverBranch(tx, deleted);
        const endpoints = await listEndpoints(tx, { projectId: project.id, branchId: deleted.id });
        const body: RecoveredBranch = {
          branch: presentBranch(await getBranch(tx, project.id, deleted.id)),
          endpoints: endpoints.map((endpoint) =>
            presentEndpoint(endpoint, project.region_id, context.installation),
          ),
        };
        return { status: 200, body };
      }),
  );
}

const nothingLeft: Answer = { status: 204, body: null };

// What was deleted and waits for a recovery is not gone yet.
async function purge(tx: Database, projectId: ProjectId, id: string): Promise<Answer> {
  const deleted = await findDeletedBranch(tx, projectId, id);
  if (!deleted) return nothingLeft;
  const operations = await purgeDeletedBranch(tx, deleted);
  const body: BranchOperations = {
    branch: presentBranch({ ...deleted, purge_at: null }),
    operations: operations.map(presentOperation),
  };
  return { status: 200, body };
}
