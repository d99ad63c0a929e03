import {
  FinalizeRestoreRequest,
  PgfleetError,
  SnapshotRestoreQuery,
  SnapshotRestoreRequest,
} from '@pgfleet/contract';
import type { RestoredSnapshot } from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requireReady, requireReplaceable } from '../../domain/branch-rules.ts';
import type { Principal } from '../../domain/principal.ts';
import {
  finalizationOperations,
  planSnapshotRestore,
  restoreNames,
} from '../../domain/restore-snapshot.ts';
import { findFreeName, getBranch, requireFreeName } from '../../store/branches.ts';
import type { BranchDetails } from '../../store/branches.ts';
import {
  insertBranch,
  insertBranchContent,
  insertDerivedTimeline,
} from '../../store/create-branch.ts';
import type { Database } from '../../store/database.ts';
import { listEndpoints } from '../../store/endpoints.ts';
import { putInPlace } from '../../store/finalize-restore.ts';
import { insertOperations } from '../../store/operations.ts';
import { lockProject } from '../../store/projects.ts';
import { listRoles } from '../../store/roles.ts';
import type { BranchRow, EndpointRow, OperationRow, SnapshotRow } from '../../store/schema.ts';
import { getSnapshot } from '../../store/snapshots.ts';
import { isBeingMade } from '../../store/timelines.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { inheritRoles } from '../copy-roles.ts';
import { mutate } from '../mutation.ts';
import { presentBranch } from '../present/present-branch.ts';
import { presentEndpoint } from '../present/present-endpoint.ts';
import { presentOperation } from '../present/present-operation.ts';
import { BranchParams, SnapshotParams } from './params.ts';

interface RestoreRequest {
  Params: SnapshotParams;
  Querystring: SnapshotRestoreQuery;
  Body: SnapshotRestoreRequest;
}

/** Restoring snapshots: as a branch of its own, and in the place of another one. */
export function restoreSnapshotRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post<RestoreRequest>(
    '/projects/:project_id/snapshots/:snapshot_id/restore',
    {
      schema: {
        params: SnapshotParams,
        querystring: SnapshotRestoreQuery,
        body: SnapshotRestoreRequest,
      },
    },
    (request, reply) => restore(context, { request, reply }),
  );

  app.post<{ Params: BranchParams; Body: FinalizeRestoreRequest }>(
    '/projects/:project_id/branches/:branch_id/finalize_restore',
    { schema: { params: BranchParams, body: FinalizeRestoreRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const operations = await finalize(tx, {
          ...request.params,
          ...request.body,
          principal: principalOf(request),
        });
        return { status: 200, body: { operations: operations.map(presentOperation) } };
      }),
  );
}

function restore(
  context: ApiContext,
  http: { readonly request: FastifyRequest<RestoreRequest>; readonly reply: FastifyReply },
): Promise<FastifyReply> {
  const { params, query, body } = http.request;
  const principal = principalOf(http.request);
  const isFinal = body.finalize_restore;
  return mutate(context, http, async (tx) => {
    const project = await lockProject(tx, params.project_id, principal);
    const snapshot = await getSnapshot(tx, project.id, params.snapshot_id);
    await requireMade(tx, snapshot);
    const target = await getBranch(
      tx,
      project.id,
      body.target_branch_id ?? snapshot.source_branch_id,
    );
    if (isFinal) requireTarget(target);
    const endpoints = await listEndpoints(tx, { projectId: project.id, branchId: target.id });
    const activeEndpointIds = endpoints.filter(isActive).map(({ id }) => id);
    const source = { snapshot, target: { ...target, activeEndpointIds }, project };
    const plan = planSnapshotRestore(source, { userId: principal.userId, isFinal });
    const name = await chooseName(tx, snapshot, body.name ?? query.name);
    await insertDerivedTimeline(tx, plan.timeline, project.id);
    const branch = await insertBranch(tx, {
      ...plan.branch,
      name,
      project_id: project.id,
      timeline_id: plan.timeline.id,
      current_state: 'init',
    });
    await copyContent(tx, { from: target, to: branch }, context);
    const operations = await insertOperations(tx, plan.operations);
    const answer = isFinal
      ? presentFinal({ branch, target, endpoints, operations }, project.region_id, context)
      : { branch: presentBranch(branch), operations: operations.map(presentOperation) };
    return { status: 200, body: answer };
  });
}

// One that is still being made is waited for by the operation.
async function requireMade(tx: Database, snapshot: SnapshotRow): Promise<void> {
  const timeline = { projectId: snapshot.project_id, timelineId: snapshot.timeline_id };
  if (snapshot.state === 'ready' || (await isBeingMade(tx, timeline))) return;
  throw new PgfleetError('snapshot_not_created');
}

function requireTarget(target: BranchRow): void {
  requireReplaceable(target);
  requireReady(target);
}

function isActive(endpoint: EndpointRow): boolean {
  return (endpoint.pending_state ?? endpoint.current_state) === 'active';
}

async function chooseName(
  tx: Database,
  snapshot: SnapshotRow,
  wanted: string | undefined,
): Promise<string> {
  if (wanted === undefined) {
    return findFreeName(tx, snapshot.project_id, restoreNames.restored(snapshot.name));
  }
  await requireFreeName(tx, snapshot.project_id, wanted);
  return wanted;
}

// Passwords stay those of the branch that it may replace, so that its clients can go on.
async function copyContent(
  tx: Database,
  { from, to }: { readonly from: BranchRow; readonly to: BranchRow },
  context: ApiContext,
): Promise<void> {
  const copied = inheritRoles(await listRoles(tx, from.id), to.id, context);
  const roles = copied.map(({ role }) => role);
  await insertBranchContent(tx, to.id, { roles, databasesOf: from.id });
}

// As it will be: clients print this answer as the result.
function presentFinal(
  made: {
    readonly branch: BranchRow;
    readonly target: BranchDetails;
    readonly endpoints: readonly EndpointRow[];
    readonly operations: readonly OperationRow[];
  },
  regionId: string,
  { installation }: ApiContext,
): RestoredSnapshot {
  const { branch, target, endpoints, operations } = made;
  const { name, is_default } = target;
  return {
    branch: presentBranch({ ...branch, name, is_default }),
    endpoints: endpoints.map((endpoint) =>
      presentEndpoint({ ...endpoint, branch_id: branch.id }, regionId, installation),
    ),
    operations: operations.map(presentOperation),
  };
}

interface Finalization extends BranchParams, FinalizeRestoreRequest {
  readonly principal: Principal;
}

async function finalize(tx: Database, wish: Finalization): Promise<OperationRow[]> {
  const { id: projectId } = await lockProject(tx, wish.project_id, wish.principal);
  const branch = await getBranch(tx, projectId, wish.branch_id);
  if (branch.restore_status !== 'restored' || branch.restored_as === null) {
    throw new PgfleetError('restore_not_pending');
  }
  requireReady(branch);
  const target = await getBranch(tx, projectId, branch.restored_as);
  requireTarget(target);
  if (wish.name !== undefined) await requireFreeName(tx, projectId, wish.name);
  const endpoints = await listEndpoints(tx, { projectId, branchId: target.id });
  await putInPlace(tx, branch, wish.name);
  const subject = { projectId, branchId: branch.id };
  const active = endpoints.filter(isActive).map(({ id }) => id);
  return insertOperations(tx, finalizationOperations(subject, active));
}
