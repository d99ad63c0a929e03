import { PgfleetError, RestoreDrillListQuery, VerifyBranchRequest } from '@pgfleet/contract';
import type { RestoreDrillList } from '@pgfleet/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { verifyBranch } from '../../chores/verify-branch.ts';
import { pointInTime } from '../../domain/point-in-time.ts';
import { getBranch } from '../../store/branches.ts';
import { getProject } from '../../store/projects.ts';
import { insertDrill, listDrills } from '../../store/restore-drills.ts';
import type { DrillTarget } from '../../store/restore-drills.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { hostAddressOf } from '../branch-at-host.ts';
import { hangUpSignal } from '../hang-up.ts';
import { mutatePrepared } from '../mutation.ts';
import { presentRestoreDrill } from '../present/present-restore-drill.ts';
import { BranchParams, ProjectParams } from './params.ts';

/** A drill reads every page of a branch: a few at a time are all that hosts should bear. */
const MAX_DRILLS = 2;

/** Drills, which are pgfleet's own: reading what they found, and one on demand. */
export function restoreDrillRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db } = context;
  let running = 0;

  app.get<{ Params: ProjectParams; Querystring: RestoreDrillListQuery }>(
    '/pgfleet/projects/:project_id/restore_drills',
    { schema: { params: ProjectParams, querystring: RestoreDrillListQuery } },
    async (request): Promise<RestoreDrillList> => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      const { limit } = request.query;
      const drills = await listDrills(db, { projectId: project.id, limit });
      return { restore_drills: drills.map(presentRestoreDrill) };
    },
  );

  app.post<{ Params: BranchParams; Body: VerifyBranchRequest }>(
    '/pgfleet/projects/:project_id/branches/:branch_id/verify',
    { schema: { params: BranchParams, body: VerifyBranchRequest } },
    (request, reply) =>
      mutatePrepared(
        context,
        { request, reply },
        {
          // It changes nothing, and takes minutes.
          takesTurns: false,
          prepare: async () => {
            const at = requestedPoint(request.body);
            const target = await targetOf(request, context);
            if (running >= MAX_DRILLS) throw new PgfleetError('too_many_requests');
            running += 1;
            const report = await verifyBranch(context, target, {
              at,
              signal: hangUpSignal(reply),
            }).finally(() => (running -= 1));
            return { target, report };
          },
          change: async (tx, { target, report }) => {
            const drill = await insertDrill(tx, target, report);
            return { status: 200, body: { restore_drill: presentRestoreDrill(drill) } };
          },
        },
      ),
  );
}

// Without a point the host chooses one, which finds more over time than the head ever would.
function requestedPoint(body: VerifyBranchRequest) {
  const at = pointInTime(body);
  return at.kind === 'head' ? undefined : at;
}

async function targetOf(
  request: FastifyRequest<{ Params: BranchParams }>,
  { db }: ApiContext,
): Promise<DrillTarget> {
  const { project_id: id, branch_id: branchId } = request.params;
  const { id: projectId } = await getProject(db, id, { ...principalOf(request), right: 'edit' });
  const branch = await getBranch(db, projectId, branchId);
  const address = await hostAddressOf(branch, db);
  return { projectId, branchId: branch.id, timelineId: branch.timeline_id, address };
}
