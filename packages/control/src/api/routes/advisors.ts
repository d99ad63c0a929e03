import { AdvisorsQuery, PgfleetError } from '@pgfleet/contract';
import type { AdvisorIssueList, BranchId } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { getBranch, getDefaultBranch } from '../../store/branches.ts';
import type { Database } from '../../store/database.ts';
import { getProject } from '../../store/projects.ts';
import { listDatabases } from '../../store/roles.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { hostOfBranch } from '../branch-at-host.ts';
import { hangUpSignal } from '../hang-up.ts';
import { ProjectParams } from './params.ts';

/** `GET /projects/{project_id}/advisors`. */
export function advisorsRoute(app: FastifyInstance, context: ApiContext): void {
  const { db } = context;
  app.get<{ Params: ProjectParams; Querystring: AdvisorsQuery }>(
    '/projects/:project_id/advisors',
    { schema: { params: ProjectParams, querystring: AdvisorsQuery } },
    async (request, reply): Promise<AdvisorIssueList> => {
      const { branch_id: branchId, database_name: name, category, min_severity } = request.query;
      const project = await getProject(db, request.params.project_id, principalOf(request));
      const branch = await (branchId === undefined
        ? getDefaultBranch(db, project.id)
        : getBranch(db, project.id, branchId));
      const host = await hostOfBranch(branch, context);
      const database = name ?? (await onlyDatabase(db, branch.id));
      const wanted = { database, category, minLevel: min_severity };
      return host.issues(branch.timeline_id, wanted, { signal: hangUpSignal(reply) });
    },
  );
}

async function onlyDatabase(db: Database, branchId: BranchId): Promise<string> {
  const [database, ...others] = await listDatabases(db, branchId);
  if (!database) throw new PgfleetError('database_not_found');
  if (others.length === 0) return database.name;
  throw new PgfleetError('invalid_request', {
    message: 'invalid request: database_name is required, since this branch has several databases',
  });
}
