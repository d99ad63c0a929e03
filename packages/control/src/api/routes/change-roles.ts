import { PgfleetError, RoleCreateRequest } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { newRolePassword } from '../../domain/new-project.ts';
import { requireRoleName } from '../../domain/postgres-names.ts';
import {
  deleteRole,
  findRole,
  getRole,
  insertRole,
  listDatabases,
  listRoles,
  updateRole,
} from '../../store/roles.ts';
import type { RoleRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { changeContent, requireRoom } from '../change-content.ts';
import type { ContentAnswer, ContentTarget } from '../change-content.ts';
import { presentRole } from '../present/present-role.ts';
import { storeRoleSecrets } from '../role-secrets.ts';
import { BranchParams, RoleParams } from './params.ts';

const rolesPath = '/projects/:project_id/branches/:branch_id/roles';
const rolePath = `${rolesPath}/:role_name`;

/** Making and deleting roles, and giving them new passwords. */
export function changeRoleRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Params: BranchParams; Body: RoleCreateRequest }>(
    rolesPath,
    { schema: { params: BranchParams, body: RoleCreateRequest } },
    (request, reply) =>
      changeContent(context, { request, reply }, (target) =>
        create(target, request.body.role, context),
      ),
  );

  app.delete<{ Params: RoleParams }>(
    rolePath,
    { schema: { params: RoleParams } },
    (request, reply) =>
      changeContent(context, { request, reply }, (target) =>
        remove(target, request.params.role_name),
      ),
  );

  app.post<{ Params: RoleParams }>(
    `${rolePath}/reset_password`,
    { schema: { params: RoleParams } },
    (request, reply) =>
      changeContent(context, { request, reply }, (target) =>
        resetPassword(target, request.params.role_name, context),
      ),
  );
}

async function create(
  target: ContentTarget,
  wanted: RoleCreateRequest['role'],
  context: ApiContext,
): Promise<ContentAnswer> {
  const { tx, branch } = target;
  const name = requireRoleName(wanted.name, 'role.name');
  const roles = await listRoles(tx, branch.id);
  if (roles.some((role) => role.name === name)) {
    const message = `role already exists; role_name:${JSON.stringify(name)}`;
    throw new PgfleetError('name_taken', { message });
  }
  requireRoom(roles, 'too_many_roles');
  const canLogin = !wanted.no_login;
  const { password, verifier, sealedPassword } = canLogin
    ? await newPassword(target, name, context)
    : withoutPassword;
  const role = await insertRole(tx, branch.id, {
    name,
    verifier,
    sealed_password: sealedPassword,
    can_login: canLogin,
    is_protected: false,
  });
  return {
    status: 201,
    body: { role: presentRole(role, password) },
    change: { kind: 'create_role', name, verifier },
  };
}

const withoutPassword = { password: undefined, verifier: null, sealedPassword: null } as const;

async function newPassword({ project, branch }: ContentTarget, name: string, context: ApiContext) {
  const password = newRolePassword();
  const secret = { branchId: branch.id, name, password, isStored: project.store_passwords };
  return { password, ...(await storeRoleSecrets(secret, context.secrets)) };
}

async function remove(
  { tx, branch, requireSeen }: ContentTarget,
  name: string,
): Promise<ContentAnswer | undefined> {
  const role = await findRole(tx, branch.id, name);
  if (!role) return undefined;
  await requireSeen({ role: presentRole(role) });
  await requireNoDatabase({ tx, branch }, role);
  await deleteRole(tx, role);
  return {
    status: 200,
    body: { role: presentRole(role) },
    change: { kind: 'drop_role', name },
  };
}

async function requireNoDatabase(
  { tx, branch }: Pick<ContentTarget, 'tx' | 'branch'>,
  { name }: RoleRow,
): Promise<void> {
  const databases = await listDatabases(tx, branch.id);
  const owned = databases.find((database) => database.owner_name === name);
  if (!owned) return;
  throw new PgfleetError('role_owns_database', {
    message: `a role that owns a database cannot be deleted; database_name:${JSON.stringify(owned.name)}`,
  });
}

async function resetPassword(
  target: ContentTarget,
  name: string,
  context: ApiContext,
): Promise<ContentAnswer> {
  const { tx, branch } = target;
  const known = await getRole(tx, branch.id, name);
  if (!known.can_login) throw new PgfleetError('role_cannot_log_in');
  const { password, verifier, sealedPassword } = await newPassword(target, name, context);
  const role = await updateRole(tx, known, { verifier, sealed_password: sealedPassword });
  return {
    status: 200,
    body: { role: presentRole(role, password) },
    change: { kind: 'set_password', name, verifier },
  };
}
