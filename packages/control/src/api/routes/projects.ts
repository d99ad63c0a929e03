import { ProjectListQuery } from '@pgfleet/contract';
import type { ProjectList } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { organizationsWith, requireNoScope, requireOrganization } from '../../domain/principal.ts';
import { getProject, listProjects } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { presentProjectDetails, presentProjectListItem } from '../present/present-project.ts';
import { ProjectParams } from './params.ts';

/** Reading projects. */
export function projectRoutes(app: FastifyInstance, { db, installation }: ApiContext): void {
  app.get<{ Querystring: ProjectListQuery }>(
    '/projects',
    { schema: { querystring: ProjectListQuery } },
    async (request): Promise<ProjectList> => {
      const { org_id: wanted, ...page } = request.query;
      const principal = principalOf(request);
      requireNoScope(principal);
      const organizationIds = wanted
        ? [requireOrganization(principal, wanted, 'view')]
        : organizationsWith(principal, 'view');
      const projects = await listProjects(db, { ...page, organizationIds });
      const cursor = projects.at(-1)?.id;
      return {
        projects: projects.map((project) => presentProjectListItem(project, installation)),
        ...(cursor ? { pagination: { cursor } } : {}),
        applications: {},
        integrations: {},
      };
    },
  );

  // A project belongs to one organization and is shared by belonging to it.
  app.get(
    '/projects/shared',
    { schema: { querystring: ProjectListQuery } },
    (): ProjectList => ({ projects: [] }),
  );

  app.get<{ Params: ProjectParams }>(
    '/projects/:project_id',
    { schema: { params: ProjectParams } },
    async (request) => {
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, principal);
      return { project: presentProjectDetails(project, installation) };
    },
  );
}
