import { SnapshotCreateQuery, SnapshotUpdateRequest } from '@pgfleet/contract';
import type { CreatedSnapshot, Snapshot } from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requireRoot } from '../../domain/branch-rules.ts';
import { requireExpiry } from '../../domain/expiry.ts';
import { planSnapshot, snapshotRemoval } from '../../domain/new-snapshot.ts';
import { pointInTime } from '../../domain/point-in-time.ts';
import { getBranch } from '../../store/branches.ts';
import { insertOperations } from '../../store/operations.ts';
import { getProject, lockProject } from '../../store/projects.ts';
import {
  getSnapshot,
  insertSnapshot,
  listSnapshots,
  markSnapshotDeleted,
  updateSnapshot,
} from '../../store/snapshots.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireUnmoved, resolveBranchPoint } from '../branch-point.ts';
import type { BranchPoint } from '../branch-point.ts';
import { requireMatch } from '../etag.ts';
import { mutate, mutatePrepared } from '../mutation.ts';
import { snapshotObject } from '../objects.ts';
import { presentOperation } from '../present/present-operation.ts';
import { presentSnapshot } from '../present/present-snapshot.ts';
import { BranchParams, ProjectParams, SnapshotParams } from './params.ts';

const snapshotPath = '/projects/:project_id/snapshots/:snapshot_id';

/** Snapshots: taking, reading, changing and deleting. */
export function snapshotRoutes(app: FastifyInstance, context: ApiContext): void {
  readRoute(app, context);
  createRoute(app, context);
  changeRoutes(app, context);
}

function readRoute(app: FastifyInstance, { db }: ApiContext): void {
  app.get<{ Params: ProjectParams }>(
    '/projects/:project_id/snapshots',
    { schema: { params: ProjectParams } },
    async (request): Promise<{ readonly snapshots: readonly Snapshot[] }> => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      const snapshots = await listSnapshots(db, project.id);
      return { snapshots: snapshots.map(presentSnapshot) };
    },
  );
}

type CreateRequest = FastifyRequest<{ Params: BranchParams; Querystring: SnapshotCreateQuery }>;

// The host says at once what the point is, so that the snapshot holds what was committed when it
// was asked for, however long its operation has to wait.
function createRoute(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Params: BranchParams; Querystring: SnapshotCreateQuery }>(
    '/projects/:project_id/branches/:branch_id/snapshot',
    { schema: { params: BranchParams, querystring: SnapshotCreateQuery } },
    (request, reply) => {
      const { name, expires_at: expiry } = request.query;
      const principal = principalOf(request);
      return mutatePrepared(
        context,
        { request, reply },
        {
          prepare: async () => {
            const now = new Date();
            const expiresAt = requireExpiry(expiry, 'expires_at', now) ?? null;
            return { now, expiresAt, point: await findPoint(request, context) };
          },
          change: async (tx, { now, expiresAt, point }) => {
            const project = await lockProject(tx, request.params.project_id, principal);
            const branch = await getBranch(tx, project.id, point.branchId);
            requireUnmoved(branch, point);
            const source = { branch, regionId: project.region_id, at: point.at };
            const plan = planSnapshot(source, {
              name,
              expiresAt,
              createdBy: principal.userId,
              now,
            });
            const { snapshot, operations } = await insertSnapshot(tx, plan);
            const body: CreatedSnapshot = {
              snapshot: presentSnapshot(snapshot),
              operations: operations.map(presentOperation),
            };
            return { status: 200, body };
          },
        },
      );
    },
  );
}

async function findPoint(request: CreateRequest, context: ApiContext): Promise<BranchPoint> {
  const at = pointInTime(request.query);
  const { project_id: projectId, branch_id: branchId } = request.params;
  const project = await getProject(context.db, projectId, {
    ...principalOf(request),
    right: 'edit',
  });
  const branch = await getBranch(context.db, project.id, branchId);
  requireRoot(branch);
  return resolveBranchPoint({ project, branch }, at, context);
}

function changeRoutes(app: FastifyInstance, context: ApiContext): void {
  app.patch<{ Params: SnapshotParams; Body: SnapshotUpdateRequest }>(
    snapshotPath,
    { schema: { params: SnapshotParams, body: SnapshotUpdateRequest } },
    (request, reply) => {
      const { name, expires_at: expiry } = request.body.snapshot;
      return mutate(context, { request, reply }, async (tx) => {
        const expiresAt = requireExpiry(expiry, 'snapshot.expires_at', new Date());
        const principal = principalOf(request);
        const { project_id: projectId, snapshot_id: snapshotId } = request.params;
        const project = await lockProject(tx, projectId, principal);
        const { id } = await getSnapshot(tx, project.id, snapshotId);
        const reread = snapshotObject(project.id, id);
        await requireMatch(request, () => reread(tx));
        const snapshot = await updateSnapshot(tx, id, {
          ...(name === undefined ? {} : { name }),
          ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
        });
        return { status: 200, body: { snapshot: presentSnapshot(snapshot) }, reread };
      });
    },
  );

  app.delete<{ Params: SnapshotParams }>(
    snapshotPath,
    { schema: { params: SnapshotParams } },
    (request, reply) => remove(context, { request, reply }),
  );
}

function remove(
  context: ApiContext,
  http: { request: FastifyRequest<{ Params: SnapshotParams }>; reply: FastifyReply },
): Promise<FastifyReply> {
  const { project_id: projectId, snapshot_id: snapshotId } = http.request.params;
  return mutate(context, http, async (tx) => {
    const principal = principalOf(http.request);
    const project = await lockProject(tx, projectId, principal);
    const snapshot = await getSnapshot(tx, project.id, snapshotId);
    await requireMatch(http.request, () => snapshotObject(project.id, snapshot.id)(tx));
    await markSnapshotDeleted(tx, snapshot.id);
    const operations = await insertOperations(tx, snapshotRemoval(snapshot));
    return { status: 202, body: { operations: operations.map(presentOperation) } };
  });
}
