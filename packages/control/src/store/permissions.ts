import { PgfleetError } from '@pgfleet/contract';
import type { ProjectId, UserId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { PermissionRow } from './schema.ts';

/** Lists with whom a project is shared, the longest first. */
export function listPermissions(db: Database, projectId: ProjectId): Promise<PermissionRow[]> {
  return db
    .selectFrom('project_permissions')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('revoked_at', 'is', null)
    .orderBy('granted_at')
    .orderBy('id')
    .execute();
}

/** Shares a project with the user of an address; nothing changes where it is shared already. */
export async function grantPermission(
  db: Database,
  projectId: ProjectId,
  wish: { readonly email: string; readonly grantedBy: UserId },
): Promise<PermissionRow> {
  const email = wish.email.toLowerCase();
  return db
    .insertInto('project_permissions')
    .values({ project_id: projectId, email, granted_by: wish.grantedBy })
    .onConflict((oc) =>
      oc.columns(['email', 'project_id']).where('revoked_at', 'is', null).doUpdateSet({ email }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Shares a project no longer. @throws PgfleetError `permission_not_found`. */
export async function revokePermission(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<PermissionRow> {
  const permission = await db
    .updateTable('project_permissions')
    .set({ revoked_at: sql<Date>`now()` })
    .where('project_id', '=', projectId)
    // Compared as text: whatever is no UUID is no permission.
    .where(sql<boolean>`id::text = ${id}`)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  if (!permission) throw new PgfleetError('permission_not_found');
  return permission;
}
