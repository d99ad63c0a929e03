import { PgfleetError, ProjectUpdateRequest } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import type { Installation } from '../../domain/installation.ts';
import { snapshotRemoval } from '../../domain/new-snapshot.ts';
import { newOperations } from '../../domain/new-operation.ts';
import type { NewOperation } from '../../domain/new-operation.ts';
import { planEndpointDefaults } from '../../domain/new-project.ts';
import { changeProjectSettings, concernsEndpoints } from '../../domain/project-settings.ts';
import type { Principal } from '../../domain/principal.ts';
import { hasProtectedBranch } from '../../store/branches.ts';
import type { Database } from '../../store/database.ts';
import { listEndpoints, touchEndpoints } from '../../store/endpoints.ts';
import { cancelOperations, insertOperations } from '../../store/operations.ts';
import { getProject, lockProject, updateProject } from '../../store/projects.ts';
import { listSnapshots } from '../../store/snapshots.ts';
import type { EndpointRow, ProjectRow } from '../../store/schema.ts';
import { listBranchTimelines, listTimelinesToDelete } from '../../store/timelines.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutate } from '../mutation.ts';
import { presentOperation } from '../present/present-operation.ts';
import { presentProject } from '../present/present-project.ts';
import { ProjectParams } from './params.ts';

/** Changing and deleting projects. */
export function changeProjectRoutes(app: FastifyInstance, context: ApiContext): void {
  const { installation } = context;

  app.patch<{ Params: ProjectParams; Body: ProjectUpdateRequest }>(
    '/projects/:project_id',
    { schema: { params: ProjectParams, body: ProjectUpdateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const before = await lockProject(tx, request.params.project_id, principal);
        const operations = await change(
          tx,
          { before, request: request.body.project },
          installation,
        );
        const after = await getProject(tx, before.id, principal);
        return {
          status: 200,
          body: {
            project: presentProject(after, installation),
            operations: operations.map(presentOperation),
          },
        };
      }),
  );

  app.delete<{ Params: ProjectParams }>(
    '/projects/:project_id',
    { schema: { params: ProjectParams } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const project = await destroy(tx, request.params.project_id, principal);
        const body = { project: presentProject(project, installation) };
        return { status: 200, body, preempts: true };
      }),
  );
}

interface ProjectChange {
  readonly before: ProjectRow;
  readonly request: ProjectUpdateRequest['project'];
}

async function change(
  tx: Database,
  { before, request }: ProjectChange,
  installation: Installation,
) {
  const { name, history_retention_seconds: retention } = request;
  await updateProject(tx, before.id, {
    ...(name === undefined ? {} : { name }),
    ...(retention === undefined ? {} : { history_retention_seconds: retention }),
    settings: changeProjectSettings(before.settings, request.settings),
    default_endpoint_settings: request.default_endpoint_settings
      ? planEndpointDefaults(request, installation, before.default_endpoint_settings)
      : before.default_endpoint_settings,
  });
  const isRetentionNew = retention !== undefined && retention !== before.history_retention_seconds;
  const timelines = isRetentionNew ? await listBranchTimelines(tx, before.id) : [];
  const endpoints = concernsEndpoints(request.settings) ? await touchEndpoints(tx, before.id) : [];
  return insertOperations(tx, [
    ...timelines.flatMap(({ branchId, timelineId }) =>
      newOperations({ projectId: before.id, branchId, timelineId }, ['apply_config']),
    ),
    ...applyEverywhere(endpoints),
  ]);
}

// One operation for each branch: it brings all endpoints of the branch up to date.
function applyEverywhere(endpoints: readonly EndpointRow[]): NewOperation[] {
  const onePerBranch = new Map(endpoints.map((endpoint) => [endpoint.branch_id, endpoint]));
  return [...onePerBranch.values()].flatMap(({ project_id, branch_id, id }) =>
    newOperations({ projectId: project_id, branchId: branch_id, endpointId: id }, ['apply_config']),
  );
}

/**
 * Marks a project as deleted and has everything that it has on a host removed, without waiting for
 * what is under way.
 */
async function destroy(tx: Database, id: string, principal: Principal) {
  const { id: projectId } = await lockProject(tx, id, { ...principal, right: 'manage' });
  const project = await getProject(tx, id, principal);
  if (await hasProtectedBranch(tx, projectId)) {
    throw new PgfleetError('not_deletable', {
      message: 'a project with a protected branch cannot be deleted',
    });
  }
  const endpoints = await listEndpoints(tx, { projectId });
  await cancelOperations(tx, projectId);
  const timelines = await listTimelinesToDelete(tx, projectId);
  const snapshots = await listSnapshots(tx, projectId);
  await insertOperations(tx, [
    ...endpoints.flatMap(stopOf),
    ...timelines.flatMap(({ branchId, timelineId }) =>
      newOperations({ projectId, branchId, timelineId }, ['delete_timeline']),
    ),
    ...snapshots.flatMap(snapshotRemoval),
  ]);
  await updateProject(tx, projectId, { deleted_at: new Date() });
  return project;
}

function stopOf({ id: endpointId, project_id: projectId, branch_id: branchId }: EndpointRow) {
  return newOperations({ projectId, branchId, endpointId }, ['suspend_compute']);
}
