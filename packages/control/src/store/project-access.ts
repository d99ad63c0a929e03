import { PgfleetError } from '@pgfleet/contract';
import type { OrganizationId, ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { organizationsWith } from '../domain/principal.ts';
import type { Principal, ProjectRight } from '../domain/principal.ts';
import type { Database } from './database.ts';

/** An expression: whether a project of the query is one on which somebody has a right. */
export function isOpenTo(principal: Principal, right: ProjectRight): RawBuilder<boolean> {
  const own = belongsTo(organizationsWith(principal, right));
  if (right === 'manage' || principal.subject !== 'user') return own;
  return sql<boolean>`(${own} or ${isSharedWith(principal)})`;
}

/** An expression: whether a project of the query is shared with a user. */
function isSharedWith({ email }: Pick<Principal, 'email'>): RawBuilder<boolean> {
  // For one project one row is looked up, however many are shared with the user.
  return sql<boolean>`exists (select from project_permissions shared
    where shared.email = ${email} and shared.project_id = projects.id
      and shared.revoked_at is null)`;
}

/** An expression: whether a project of the query belongs to one of these organizations. */
export function belongsTo(organizationIds: readonly OrganizationId[]): RawBuilder<boolean> {
  const [first, ...more] = organizationIds;
  // An equality where that is possible: only then does the index give the rows in the order of ids.
  return more.length === 0 && first
    ? sql<boolean>`projects.organization_id = ${first}`
    : sql<boolean>`projects.organization_id = any(${[...organizationIds]})`;
}

/**
 * Says why somebody does not get a project with a right: whoever may look at it learns that the
 * right is missing, all others that there is no such project.
 */
export async function refusal(
  db: Database,
  id: string,
  principal: Principal,
): Promise<PgfleetError> {
  const visible = await db
    .selectFrom('projects')
    .select('id')
    .where('id', '=', id as ProjectId)
    .where(isOpenTo(principal, 'view'))
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return new PgfleetError(visible ? 'forbidden' : 'project_not_found');
}
