import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ProjectRight } from '../../domain/principal.ts';
import { getBranch } from '../../store/branches.ts';
import type { BranchDetails } from '../../store/branches.ts';
import { listEndpoints } from '../../store/endpoints.ts';
import { getProject } from '../../store/projects.ts';
import { getDatabase, getRole, listDatabases, listRoles } from '../../store/roles.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { presentEndpoint } from '../present/present-endpoint.ts';
import { presentDatabase, presentRole } from '../present/present-role.ts';
import { revealPassword } from '../role-secrets.ts';
import { BranchParams, DatabaseParams, RoleParams } from './params.ts';

const branchPath = '/projects/:project_id/branches/:branch_id';
const rolePath = `${branchPath}/roles/:role_name`;

/** What is on a branch: its endpoints, roles and databases. */
export function branchContentRoutes(app: FastifyInstance, context: ApiContext): void {
  roleRoutes(app, context);
  databaseRoutes(app, context);

  app.get<{ Params: BranchParams }>(
    `${branchPath}/endpoints`,
    { schema: { params: BranchParams } },
    async (request) => {
      const { branch, regionId } = await branchOf(request, context);
      const scope = { projectId: branch.project_id, branchId: branch.id };
      const endpoints = await listEndpoints(context.db, scope);
      return {
        endpoints: endpoints.map((endpoint) =>
          presentEndpoint(endpoint, regionId, context.installation),
        ),
      };
    },
  );
}

function roleRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db, secrets } = context;

  app.get<{ Params: BranchParams }>(
    `${branchPath}/roles`,
    { schema: { params: BranchParams } },
    async (request) => {
      const { branch } = await branchOf(request, context);
      const roles = await listRoles(db, branch.id);
      return { roles: roles.map((role) => presentRole(role)) };
    },
  );

  app.get<{ Params: RoleParams }>(rolePath, { schema: { params: RoleParams } }, async (request) => {
    const { branch } = await branchOf(request, context);
    return { role: presentRole(await getRole(db, branch.id, request.params.role_name)) };
  });

  app.get<{ Params: RoleParams }>(
    `${rolePath}/reveal_password`,
    { schema: { params: RoleParams } },
    async (request) => {
      const { branch } = await branchOf(request, context, 'edit');
      const role = await getRole(db, branch.id, request.params.role_name);
      return { password: revealPassword(role, secrets) };
    },
  );
}

function databaseRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db } = context;

  app.get<{ Params: BranchParams }>(
    `${branchPath}/databases`,
    { schema: { params: BranchParams } },
    async (request) => {
      const { branch } = await branchOf(request, context);
      const databases = await listDatabases(db, branch.id);
      return { databases: databases.map(presentDatabase) };
    },
  );

  app.get<{ Params: DatabaseParams }>(
    `${branchPath}/databases/:database_name`,
    { schema: { params: DatabaseParams } },
    async (request) => {
      const { branch } = await branchOf(request, context);
      const database = await getDatabase(db, branch.id, request.params.database_name);
      return { database: presentDatabase(database) };
    },
  );
}

async function branchOf(
  request: FastifyRequest<{ Params: BranchParams }>,
  { db }: ApiContext,
  right: ProjectRight = 'view',
): Promise<{ readonly branch: BranchDetails; readonly regionId: string }> {
  const { project_id: projectId, branch_id: branchId } = request.params;
  const project = await getProject(db, projectId, { ...principalOf(request), right });
  const branch = await getBranch(db, project.id, branchId);
  return { branch, regionId: project.region_id };
}
