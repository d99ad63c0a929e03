import { GrantPermissionRequest } from '@pgfleet/contract';
import type { ProjectPermission } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { timestamp } from '../../domain/timestamps.ts';
import { grantPermission, listPermissions, revokePermission } from '../../store/permissions.ts';
import { getProject, lockProject } from '../../store/projects.ts';
import type { PermissionRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutate } from '../mutation.ts';
import { PermissionParams, ProjectParams } from './params.ts';

const path = '/projects/:project_id/permissions';

/** With whom a project is shared: those may do with it what its editors may. */
export function permissionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db } = context;

  app.get<{ Params: ProjectParams }>(
    path,
    { schema: { params: ProjectParams } },
    async (request) => {
      const { id } = await getProject(db, request.params.project_id, principalOf(request));
      const permissions = await listPermissions(db, id);
      return { project_permissions: permissions.map(presentPermission) };
    },
  );

  app.post<{ Params: ProjectParams; Body: GrantPermissionRequest }>(
    path,
    { schema: { params: ProjectParams, body: GrantPermissionRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const { id } = await lockProject(tx, request.params.project_id, principal);
        const { email } = request.body;
        const permission = await grantPermission(tx, id, { email, grantedBy: principal.userId });
        return { status: 200, body: presentPermission(permission) };
      }),
  );

  app.delete<{ Params: PermissionParams }>(
    `${path}/:permission_id`,
    { schema: { params: PermissionParams } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const { project_id: projectId, permission_id: permissionId } = request.params;
        const { id } = await lockProject(tx, projectId, principalOf(request));
        const permission = await revokePermission(tx, id, permissionId);
        return { status: 200, body: presentPermission(permission) };
      }),
  );
}

function presentPermission(permission: PermissionRow): ProjectPermission {
  return {
    id: permission.id,
    granted_to_email: permission.email,
    granted_at: timestamp(permission.granted_at),
    ...(permission.revoked_at ? { revoked_at: timestamp(permission.revoked_at) } : {}),
  };
}
