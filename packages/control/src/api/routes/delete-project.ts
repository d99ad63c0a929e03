import { ProjectDeleteQuery } from '@pgfleet/contract';
import type { RecoveredProject } from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { listBranches } from '../../store/branches.ts';
import type { Database } from '../../store/database.ts';
import {
  deleteProject,
  lockDeletedProject,
  lockProjectToRemove,
  recoverProject,
} from '../../store/delete-project.ts';
import { listUnfinishedOf } from '../../store/operations.ts';
import { getProjectDetails, lockProject } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutatePrepared } from '../mutation.ts';
import type { Answer } from '../mutation.ts';
import { projectObject } from '../objects.ts';
import { presentBranch } from '../present/present-branch.ts';
import { presentProject } from '../present/present-project.ts';
import { ProjectParams } from './params.ts';

/** As many branches as the contract's longest page. */
const MAX_BRANCHES = 10_000;

/** Deleting projects, and bringing them back. */
export function deleteProjectRoutes(app: FastifyInstance, context: ApiContext): void {
  const { installation } = context;

  app.delete<{ Params: ProjectParams; Querystring: ProjectDeleteQuery }>(
    '/projects/:project_id',
    { schema: { params: ProjectParams, querystring: ProjectDeleteQuery } },
    (request, reply) =>
      changing(context, { request, reply }, async (tx) => {
        const access = { ...principalOf(request), right: 'manage' } as const;
        const isHard = request.query.hard_delete;
        const lock = isHard ? lockProjectToRemove : lockProject;
        const { id } = await lock(tx, request.params.project_id, access);
        await requireMatch(request, () => projectObject(id, installation)(tx));
        const project = await getProjectDetails(tx, id, access);
        await deleteProject(tx, id, { isHard });
        const body = { project: presentProject(project, installation) };
        return { status: 200, body, preempts: true };
      }),
  );

  app.post<{ Params: ProjectParams }>(
    '/projects/:project_id/recover',
    { schema: { params: ProjectParams } },
    (request, reply) =>
      changing(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const { id } = await lockDeletedProject(tx, request.params.project_id, principal);
        await recoverProject(tx, id);
        const branches = await listBranches(tx, {
          projectId: id,
          includeDeleted: false,
          sortBy: 'created_at',
          order: 'asc',
          limit: MAX_BRANCHES,
        });
        const body: RecoveredProject = {
          project: presentProject(await getProjectDetails(tx, id, principal), installation),
          branches: branches.map(presentBranch),
        };
        return { status: 200, body };
      }),
  );
}

function changing(
  context: ApiContext,
  http: { request: FastifyRequest<{ Params: ProjectParams }>; reply: FastifyReply },
  change: (tx: Database) => Promise<Answer>,
): Promise<FastifyReply> {
  const { project_id: projectId } = http.request.params;
  return mutatePrepared(context, http, {
    prepare: async () => undefined,
    change,
    unnamed: { list: (db) => listUnfinishedOf(db, { projectId }) },
  });
}
