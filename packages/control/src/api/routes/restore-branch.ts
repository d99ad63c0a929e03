import { BranchRestoreRequest } from '@pgfleet/contract';
import type { BranchOperations } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { pointInTime } from '../../domain/point-in-time.ts';
import { planRestore, requireRestorable } from '../../domain/restore-branch.ts';
import type { BranchRestore, RestoredBranch } from '../../domain/restore-branch.ts';
import type { Principal } from '../../domain/principal.ts';
import { getBranch, getBranchFamily, requireFreeName } from '../../store/branches.ts';
import type { BranchDetails } from '../../store/branches.ts';
import type { Database } from '../../store/database.ts';
import { listEndpoints } from '../../store/endpoints.ts';
import { getProject, lockProject } from '../../store/projects.ts';
import { beginRestore } from '../../store/restore-branch.ts';
import { listRoles } from '../../store/roles.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireUnmoved, resolveBranchPoint } from '../branch-point.ts';
import type { BranchPoint } from '../branch-point.ts';
import { inheritRoles } from '../copy-roles.ts';
import { mutatePrepared } from '../mutation.ts';
import { presentBranch } from '../present/present-branch.ts';
import { presentOperation } from '../present/present-operation.ts';
import { BranchParams } from './params.ts';

/** `POST …/restore`: checks all that can be checked, then operations swing the branch. */
export function restoreBranchRoute(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Params: BranchParams; Body: BranchRestoreRequest }>(
    '/projects/:project_id/branches/:branch_id/restore',
    { schema: { params: BranchParams, body: BranchRestoreRequest } },
    (request, reply) => {
      const { params, body } = request;
      const principal = principalOf(request);
      const { preserve_under_name: preserveUnderName } = body;
      return mutatePrepared(
        context,
        { request, reply },
        {
          prepare: () => findPoint(context, { params, body, principal }),
          change: async (tx, point) => {
            const project = await lockProject(tx, params.project_id, principal);
            const branch = await getRestored(tx, await getBranch(tx, project.id, params.branch_id));
            const source = await getBranch(tx, project.id, point.branchId);
            requireRestorable(branch, source, body);
            requireUnmoved(source, point);
            if (preserveUnderName) await requireFreeName(tx, project.id, preserveUnderName);
            const plan = planRestore(branch, point, {
              project,
              preserveUnderName,
              now: new Date(),
            });
            const roles = await copyRoles(tx, { branch, plan }, context);
            const operations = await beginRestore(tx, {
              branch,
              plan,
              roles,
              userId: principal.userId,
            });
            const answer: BranchOperations = {
              branch: presentRestored(await getBranch(tx, project.id, branch.id), { plan, point }),
              operations: operations.map(presentOperation),
            };
            return { status: 200, body: answer };
          },
        },
      );
    },
  );
}

async function findPoint(
  context: ApiContext,
  {
    params,
    body,
    principal,
  }: {
    readonly params: BranchParams;
    readonly body: BranchRestoreRequest;
    readonly principal: Principal;
  },
): Promise<BranchPoint> {
  const { db } = context;
  const at = pointInTime({ lsn: body.source_lsn, timestamp: body.source_timestamp }, 'source_');
  const project = await getProject(db, params.project_id, { ...principal, right: 'edit' });
  const branch = await getRestored(db, await getBranch(db, project.id, params.branch_id));
  const source = await getBranch(db, project.id, body.source_branch_id);
  requireRestorable(branch, source, body);
  return resolveBranchPoint({ project, branch: source }, at, context);
}

async function getRestored(
  db: Database,
  branch: BranchDetails,
): Promise<BranchDetails & RestoredBranch> {
  const { children } = await getBranchFamily(db, branch);
  const endpoints = await listEndpoints(db, { projectId: branch.project_id, branchId: branch.id });
  const active = endpoints.filter(
    (endpoint) => (endpoint.pending_state ?? endpoint.current_state) === 'active',
  );
  return { ...branch, children, activeEndpointIds: active.map(({ id }) => id) };
}

async function copyRoles(
  tx: Database,
  { branch, plan }: { readonly branch: BranchDetails; readonly plan: BranchRestore },
  context: ApiContext,
) {
  if (!plan.backup) return [];
  const roles = await listRoles(tx, branch.id);
  return inheritRoles(roles, plan.backup.id, context).map(({ role }) => role);
}

// As it will be: clients print this answer as the result.
function presentRestored(
  branch: BranchDetails,
  { plan, point }: { readonly plan: BranchRestore; readonly point: BranchPoint },
) {
  const time = point.at.kind === 'time' ? new Date(point.at.at) : null;
  const parentage = plan.backup
    ? {}
    : { parent_id: point.branchId, parent_lsn: point.lsn, parent_timestamp: time };
  return presentBranch({ ...branch, ...parentage, last_reset_at: new Date() });
}
