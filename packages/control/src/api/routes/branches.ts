import { BranchCountQuery, BranchListQuery, idPattern } from '@pgfleet/contract';
import type { BranchList } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { countBranches, getBranch, listBranches } from '../../store/branches.ts';
import type { BranchSort } from '../../store/branches.ts';
import { getProject } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { decodeListCursor, encodeListCursor } from '../list-cursor.ts';
import type { SortedList } from '../list-cursor.ts';
import { presentOneBranch } from '../objects.ts';
import { presentBranch } from '../present/present-branch.ts';
import { sendInPieces } from '../send-in-pieces.ts';
import { BranchParams, ProjectParams } from './params.ts';

const branchList: SortedList<BranchSort> = {
  idField: 'branch_id',
  id: new RegExp(idPattern),
  sorts: { name: 'text', created_at: 'time', updated_at: 'time' },
};

/** Reading branches. */
export function branchRoutes(app: FastifyInstance, { db }: ApiContext): void {
  app.get<{ Params: ProjectParams; Querystring: BranchListQuery }>(
    '/projects/:project_id/branches',
    { schema: { params: ProjectParams, querystring: BranchListQuery } },
    async (request, reply) => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      const { cursor, search, limit } = request.query;
      const sorting = decodeListCursor(branchList, cursor) ?? {
        sortBy: request.query.sort_by,
        order: request.query.sort_order,
      };
      const includeDeleted = request.query.include_deleted;
      const page = { projectId: project.id, search, includeDeleted, limit, ...sorting };
      const branches = await listBranches(db, page);
      const last = branches.at(-1);
      return sendInPieces<BranchList>(reply, {
        branches: branches.map(presentBranch),
        annotations: {},
        ...(last ? { pagination: encodeListCursor(branchList, last, sorting) } : {}),
      });
    },
  );

  app.get<{ Params: ProjectParams; Querystring: BranchCountQuery }>(
    '/projects/:project_id/branches/count',
    { schema: { params: ProjectParams, querystring: BranchCountQuery } },
    async (request) => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      const { search } = request.query;
      return { count: await countBranches(db, { projectId: project.id, search }) };
    },
  );

  app.get<{ Params: BranchParams }>(
    '/projects/:project_id/branches/:branch_id',
    { schema: { params: BranchParams } },
    async (request) => {
      const principal = principalOf(request);
      const { project_id: projectId, branch_id: branchId } = request.params;
      const project = await getProject(db, projectId, principal);
      const branch = await getBranch(db, project.id, branchId);
      return presentOneBranch(branch);
    },
  );
}
