import { ProjectListQuery, SharedProjectListQuery } from '@pgfleet/contract';
import type { ProjectList, SharedProjectList } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { presentLibraries } from '../../domain/preload-libraries.ts';
import { organizationsWith, requireNoScope, requireOrganization } from '../../domain/principal.ts';
import { listInstalledLibraries } from '../../store/hosts.ts';
import {
  getProject,
  getProjectDetails,
  listProjects,
  listSharedProjects,
} from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { presentProjectDetails, presentProjectListItems } from '../present/present-project.ts';
import { sendInPieces } from '../send-in-pieces.ts';
import { ProjectParams } from './params.ts';

/** Reading projects. */
export function projectRoutes(app: FastifyInstance, { db, installation }: ApiContext): void {
  app.get<{ Querystring: ProjectListQuery }>(
    '/projects',
    { schema: { querystring: ProjectListQuery } },
    async (request, reply) => {
      const { org_id: wanted, ...page } = request.query;
      const principal = principalOf(request);
      requireNoScope(principal);
      const organizationIds = wanted
        ? [requireOrganization(principal, wanted, 'view')]
        : organizationsWith(principal, 'view');
      const projects = await listProjects(db, organizationIds, page);
      const cursor = projects.at(-1)?.id;
      return sendInPieces<ProjectList>(reply, {
        projects: presentProjectListItems(projects, installation),
        ...(cursor ? { pagination: { cursor } } : {}),
        applications: {},
        integrations: {},
      });
    },
  );

  app.get<{ Querystring: SharedProjectListQuery }>(
    '/projects/shared',
    { schema: { querystring: SharedProjectListQuery } },
    async (request, reply) => {
      const projects = await listSharedProjects(db, principalOf(request), request.query);
      const cursor = projects.at(-1)?.id;
      return sendInPieces<SharedProjectList>(reply, {
        projects: presentProjectListItems(projects, installation),
        ...(cursor ? { pagination: { cursor } } : {}),
      });
    },
  );

  app.get<{ Params: ProjectParams }>(
    '/projects/:project_id',
    { schema: { params: ProjectParams } },
    async (request) => {
      const principal = principalOf(request);
      const project = await getProjectDetails(db, request.params.project_id, principal);
      return { project: presentProjectDetails(project, installation) };
    },
  );

  app.get<{ Params: ProjectParams }>(
    '/projects/:project_id/available_preload_libraries',
    { schema: { params: ProjectParams } },
    async (request) => {
      const project = await getProject(db, request.params.project_id, principalOf(request));
      return { libraries: presentLibraries(await listInstalledLibraries(db, project)) };
    },
  );
}
