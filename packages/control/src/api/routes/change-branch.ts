import { BranchUpdateRequest } from '@pgfleet/contract';
import type { BranchOperations } from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { noExpiry, planExpiry } from '../../domain/branch-expiry.ts';
import { requireExpirable, requireLasting, requireSettled } from '../../domain/branch-rules.ts';
import { newOperations } from '../../domain/new-operation.ts';
import type { NewOperation } from '../../domain/new-operation.ts';
import {
  getBranch,
  getBranchFamily,
  requireFreeName,
  setDefaultBranch,
  updateBranch,
} from '../../store/branches.ts';
import type { BranchDetails } from '../../store/branches.ts';
import type { Database } from '../../store/database.ts';
import { touchBranchEndpoints } from '../../store/endpoints.ts';
import { insertOperations } from '../../store/operations.ts';
import { lockProject } from '../../store/projects.ts';
import type { ProjectRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import { branchObject } from '../objects.ts';
import { presentBranch } from '../present/present-branch.ts';
import { presentOperation } from '../present/present-operation.ts';
import { BranchParams } from './params.ts';

const branchPath = '/projects/:project_id/branches/:branch_id';

/** Renaming, protecting, giving an expiration, and choosing the default branch. */
export function changeBranchRoutes(app: FastifyInstance, context: ApiContext): void {
  app.patch<{ Params: BranchParams; Body: BranchUpdateRequest }>(
    branchPath,
    { schema: { params: BranchParams, body: BranchUpdateRequest } },
    (request, reply) =>
      changing(context, { request, reply }, async (tx, target) => {
        const { project, branch } = target;
        await requireMatch(request, () => branchObject(project.id, branch.id)(tx));
        return change(tx, target, request.body.branch);
      }),
  );

  app.post<{ Params: BranchParams }>(
    `${branchPath}/set_as_default`,
    { schema: { params: BranchParams } },
    (request, reply) =>
      changing(context, { request, reply }, async (tx, { branch }) => {
        requireSettled(branch);
        requireLasting(branch, 'be the default branch');
        await setDefaultBranch(tx, branch);
        return [];
      }),
  );
}

interface Target {
  readonly project: ProjectRow;
  readonly branch: BranchDetails;
}

async function change(
  tx: Database,
  { project, branch }: Target,
  request: BranchUpdateRequest['branch'],
): Promise<NewOperation[]> {
  const { name = branch.name, protected: isProtected = branch.is_protected } = request;
  if (name !== branch.name) await requireFreeName(tx, project.id, name);
  await updateBranch(tx, branch.id, {
    name,
    is_protected: isProtected,
    ...(await changeExpiry(tx, { ...branch, is_protected: isProtected }, request.expires_at)),
  });
  if (isProtected === branch.is_protected) return [];
  return reachHost(tx, { project, branch });
}

async function changeExpiry(
  tx: Database,
  branch: BranchDetails,
  wanted: string | null | undefined,
) {
  if (wanted === null) return noExpiry;
  if (wanted === undefined) {
    if (branch.is_protected) requireLasting(branch, 'be protected');
    return {};
  }
  requireExpirable(branch, await getBranchFamily(tx, branch));
  return planExpiry(wanted, new Date());
}

// Whom the allow list admits may depend on the protection.
async function reachHost(tx: Database, { project, branch }: Target): Promise<NewOperation[]> {
  if (!project.settings.allowed_ips?.protected_branches_only) return [];
  const [endpoint] = await touchBranchEndpoints(tx, branch.id);
  if (!endpoint) return [];
  const subject = { projectId: project.id, branchId: branch.id, endpointId: endpoint.id };
  return newOperations(subject, ['apply_config']);
}

function changing(
  context: ApiContext,
  http: { request: FastifyRequest<{ Params: BranchParams }>; reply: FastifyReply },
  work: (tx: Database, target: Target) => Promise<readonly NewOperation[]>,
): Promise<FastifyReply> {
  const { project_id: projectId, branch_id: branchId } = http.request.params;
  return mutate(context, http, async (tx) => {
    const principal = principalOf(http.request);
    const project = await lockProject(tx, projectId, principal);
    const branch = await getBranch(tx, project.id, branchId);
    const operations = await insertOperations(tx, await work(tx, { project, branch }));
    const body: BranchOperations = {
      branch: presentBranch(await getBranch(tx, project.id, branch.id)),
      operations: operations.map(presentOperation),
    };
    return { status: 200, body, reread: branchObject(project.id, branch.id) };
  });
}
