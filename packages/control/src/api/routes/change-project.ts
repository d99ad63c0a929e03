import { ProjectUpdateRequest } from '@pgfleet/contract';
import type { ProjectId } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import type { Installation } from '../../domain/installation.ts';
import { carryChange } from '../../domain/carry-change.ts';
import { newOperations } from '../../domain/new-operation.ts';
import type { NewOperation } from '../../domain/new-operation.ts';
import { planEndpointDefaults } from '../../domain/new-project.ts';
import { changeProjectSettings, effectOnEndpoint } from '../../domain/project-settings.ts';
import type { SettingsChange } from '../../domain/project-settings.ts';
import type { Database } from '../../store/database.ts';
import { touchEndpoints } from '../../store/endpoints.ts';
import { insertOperations } from '../../store/operations.ts';
import { getProjectDetails, lockProject, updateProject } from '../../store/projects.ts';
import { settleQuota } from '../../store/quotas.ts';
import type { ProjectRow } from '../../store/schema.ts';
import { listBranchTimelines } from '../../store/timelines.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import { projectObject } from '../objects.ts';
import { presentOperation } from '../present/present-operation.ts';
import { presentProject } from '../present/present-project.ts';
import { requireLibraries } from '../require-libraries.ts';
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
        const after = await getProjectDetails(tx, before.id, principal);
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
  const { settings: requested } = request;
  await requireLibraries(tx, before, { settings: requested, field: 'project.settings' });
  const settings = changeProjectSettings(before.settings, requested);
  await updateProject(tx, before.id, {
    ...(name === undefined ? {} : { name }),
    ...(retention === undefined ? {} : { history_retention_seconds: retention }),
    settings,
    default_endpoint_settings: request.default_endpoint_settings
      ? planEndpointDefaults(
          request,
          { installation, pgMajor: before.pg_major },
          before.default_endpoint_settings,
        )
      : before.default_endpoint_settings,
  });
  const isRetentionNew = retention !== undefined && retention !== before.history_retention_seconds;
  const timelines = isRetentionNew ? await listBranchTimelines(tx, before.id) : [];
  const storage = timelines.flatMap(({ branchId, timelineId }) =>
    newOperations({ projectId: before.id, branchId, timelineId }, ['apply_storage_config']),
  );
  const changed = { before: before.settings, after: settings, requested };
  return [
    ...(await insertOperations(tx, [
      ...storage,
      ...(await carryEverywhere(tx, before.id, changed)),
    ])),
    ...(requested?.quota ? await settleQuota(tx, before.id) : []),
  ];
}

async function carryEverywhere(
  tx: Database,
  projectId: ProjectId,
  changed: SettingsChange,
): Promise<NewOperation[]> {
  if (effectOnEndpoint(changed, { settings: {} }) === null) return [];
  const endpoints = await touchEndpoints(tx, projectId);
  return endpoints.flatMap((endpoint) => {
    const subject = { projectId, branchId: endpoint.branch_id, endpointId: endpoint.id };
    const effect = effectOnEndpoint(changed, endpoint);
    return effect ? carryChange(subject, endpoint, effect) : [];
  });
}
