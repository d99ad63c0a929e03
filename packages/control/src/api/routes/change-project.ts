import { ProjectUpdateRequest } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import type { Installation } from '../../domain/installation.ts';
import { newOperations } from '../../domain/new-operation.ts';
import { planEndpointDefaults } from '../../domain/new-project.ts';
import { changeProjectSettings, concernsEndpoints } from '../../domain/project-settings.ts';
import type { Database } from '../../store/database.ts';
import { applyEverywhere } from '../../store/delete-project.ts';
import { touchEndpoints } from '../../store/endpoints.ts';
import { insertOperations } from '../../store/operations.ts';
import { getProject, lockProject, updateProject } from '../../store/projects.ts';
import type { ProjectRow } from '../../store/schema.ts';
import { listBranchTimelines } from '../../store/timelines.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import { projectObject } from '../objects.ts';
import { presentOperation } from '../present/present-operation.ts';
import { presentProject } from '../present/present-project.ts';
import { ProjectParams } from './params.ts';

/** Changing projects. */
export function changeProjectRoutes(app: FastifyInstance, context: ApiContext): void {
  const { installation } = context;

  app.patch<{ Params: ProjectParams; Body: ProjectUpdateRequest }>(
    '/projects/:project_id',
    { schema: { params: ProjectParams, body: ProjectUpdateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const before = await lockProject(tx, request.params.project_id, principal);
        const reread = projectObject(before.id, installation);
        await requireMatch(request, () => reread(tx));
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
          reread,
        };
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
