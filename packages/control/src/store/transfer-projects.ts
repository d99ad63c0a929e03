import { PgfleetError } from '@pgfleet/contract';
import type { OrganizationId, ProjectId, UserId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { ProjectRow, TransferRequestRow } from './schema.ts';

/** Who is to have projects. */
export interface NewOwner {
  readonly organizationId: OrganizationId;
  readonly userId: UserId;
}

/**
 * Gives projects to an organization, all of them or none. Keys that were made for one of them alone
 * end: they were the former organization's.
 *
 * @throws PgfleetError `project_not_found` when one of them is not `isMovable`.
 */
export async function transferProjects(
  tx: Database,
  ids: readonly string[],
  {
    to,
    isMovable,
  }: { readonly to: NewOwner; readonly isMovable: (project: ProjectRow) => boolean },
): Promise<void> {
  const wanted = [...new Set(ids)];
  const projects = await tx
    .selectFrom('projects')
    .selectAll()
    .where(sql<boolean>`id = any(${wanted})`)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .forUpdate()
    .execute();
  const movable = projects.filter(isMovable).map(({ id }) => id);
  if (movable.length !== wanted.length) throw new PgfleetError('project_not_found');
  await tx
    .with('former_keys', (qb) =>
      qb
        .updateTable('api_keys')
        .set({ revoked_at: sql<Date>`now()` })
        .where(sql<boolean>`project_id = any(${movable})`)
        .where('revoked_at', 'is', null),
    )
    .updateTable('projects')
    .set({
      organization_id: to.organizationId,
      owner_id: to.userId,
      updated_at: sql<Date>`now()`,
    })
    .where(sql<boolean>`id = any(${movable})`)
    .execute();
}

export interface NewTransferRequest {
  readonly createdBy: UserId;
  readonly ttlSeconds: number;
}

/** Offers a project to whoever comes with the id of the offer. */
export function insertTransferRequest(
  db: Database,
  project: Pick<ProjectRow, 'id' | 'organization_id'>,
  { createdBy, ttlSeconds }: NewTransferRequest,
): Promise<TransferRequestRow> {
  return db
    .insertInto('project_transfer_requests')
    .values({
      project_id: project.id,
      organization_id: project.organization_id,
      created_by: createdBy,
      expires_at: sql<Date>`now() + make_interval(secs => ${ttlSeconds})`,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/**
 * Takes up an offer, once. One that has expired, or whose project is not any more whose it was, is
 * none.
 *
 * @throws PgfleetError `transfer_request_not_found`.
 */
export async function acceptTransferRequest(
  tx: Database,
  offer: { readonly projectId: string; readonly id: string },
  to: NewOwner,
): Promise<void> {
  const request = await tx
    .updateTable('project_transfer_requests')
    .set({ accepted_at: sql<Date>`now()` })
    .where('project_id', '=', offer.projectId as ProjectId)
    .where(sql<boolean>`id::text = ${offer.id}`)
    .where('accepted_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .returningAll()
    .executeTakeFirst();
  if (!request) throw new PgfleetError('transfer_request_not_found');
  const isMovable = (project: ProjectRow) => project.organization_id === request.organization_id;
  await transferProjects(tx, [request.project_id], { to, isMovable });
}
