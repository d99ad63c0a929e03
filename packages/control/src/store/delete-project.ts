import type { ProjectId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import { snapshotRemoval } from '../domain/new-snapshot.ts';
import { newOperations } from '../domain/new-operation.ts';
import type { NewOperation } from '../domain/new-operation.ts';
import { requireNoScope } from '../domain/principal.ts';
import type { Principal } from '../domain/principal.ts';
import { getDefaultBranch, hasProtectedBranch } from './branches.ts';
import type { Database } from './database.ts';
import { touchEndpoints } from './endpoints.ts';
import { cancelOperations, insertOperations } from './operations.ts';
import { isOpenTo } from './project-access.ts';
import { lockProject, updateProject } from './projects.ts';
import type { EndpointRow, ProjectRow } from './schema.ts';
import { listSnapshots } from './snapshots.ts';
import { listTimelinesToDelete } from './timelines.ts';

/*
 * The end of a project. Deleted, it is shown no more and nothing of it runs, but everything waits
 * until `purge_at` for a recovery. Purged, its data goes. Every function that changes rows wants a
 * transaction that has locked the project.
 */

/** How long a deleted project can be recovered. */
const RECOVERY = '7 days';

/**
 * Deletes a project: what is under way is brought to its end, then its computes stop and its host
 * forgets its endpoints. One that has no data yet has nothing to recover; with `isHard` nothing of
 * any is kept, and nothing that is under way is waited for.
 *
 * @throws PgfleetError `not_deletable` for a project with a protected branch.
 */
export async function deleteProject(
  tx: Database,
  id: ProjectId,
  { isHard }: { readonly isHard: boolean },
): Promise<void> {
  if (await hasProtectedBranch(tx, id)) {
    throw new PgfleetError('not_deletable', {
      message: 'a project with a protected branch cannot be deleted',
    });
  }
  const { current_state: state } = await getDefaultBranch(tx, id);
  const isRecoverable = !isHard && state !== 'init';
  if (isRecoverable) await withdraw(tx, id);
  else await removeData(tx, id);
  await updateProject(tx, id, {
    deleted_at: sql<Date>`now()`,
    purge_at: isRecoverable ? sql<Date>`now() + ${RECOVERY}::interval` : null,
  });
}

/**
 * Locks a deleted project that can still be recovered.
 *
 * @throws PgfleetError `project_not_found`, `forbidden`, `outside_key_scope`.
 */
export async function lockDeletedProject(
  tx: Database,
  id: string,
  principal: Principal,
): Promise<ProjectRow> {
  requireNoScope(principal, id);
  const project = await tx
    .selectFrom('projects')
    .selectAll()
    .select(isOpenTo(principal, 'manage').as('is_manageable'))
    .where('id', '=', id as ProjectId)
    .where(isOpenTo(principal, 'view'))
    .where('purge_at', '>', sql<Date>`now()`)
    .forUpdate()
    .executeTakeFirst();
  if (!project) throw new PgfleetError('project_not_found');
  if (!project.is_manageable) throw new PgfleetError('forbidden');
  return project;
}

/**
 * Locks a project of which nothing is to be kept. One that was deleted and can still be recovered is
 * not gone yet: it is one like any other again, until the transaction has removed it.
 *
 * @throws PgfleetError `project_not_found`, `forbidden`, `outside_key_scope`.
 */
export async function lockProjectToRemove(
  tx: Database,
  id: string,
  principal: Principal,
): Promise<ProjectRow> {
  try {
    return await lockProject(tx, id, { ...principal, right: 'manage' });
  } catch (error) {
    if (!(error instanceof PgfleetError && error.code === 'project_not_found')) throw error;
  }
  const deleted = await lockDeletedProject(tx, id, principal);
  await updateProject(tx, deleted.id, { deleted_at: null, purge_at: null });
  return deleted;
}

/** Brings a deleted project back as it was; its host is told of its endpoints. */
export async function recoverProject(tx: Database, id: ProjectId): Promise<void> {
  await updateProject(tx, id, { deleted_at: null, purge_at: null });
  await insertOperations(tx, applyEverywhere(await touchEndpoints(tx, id)));
}

/** Lists deleted projects that can be recovered no longer, the longest over first. */
export async function listProjectsToPurge(db: Database, limit: number): Promise<ProjectId[]> {
  const rows = await db
    .selectFrom('projects')
    .select('id')
    .where('purge_at', '<=', sql<Date>`now()`)
    .orderBy('purge_at')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Has the data of a deleted project removed; nothing happens when somebody else has. */
export async function purgeProject(tx: Database, id: ProjectId): Promise<void> {
  const project = await tx
    .updateTable('projects')
    .set({ purge_at: null })
    .where('id', '=', id)
    .where('purge_at', '<=', sql<Date>`now()`)
    .returning('id')
    .executeTakeFirst();
  if (project) await removeData(tx, id);
}

/** One operation for each branch: it brings all endpoints of the branch up to date. */
export function applyEverywhere(endpoints: readonly EndpointRow[]): NewOperation[] {
  const onePerBranch = new Map(endpoints.map((endpoint) => [endpoint.branch_id, endpoint]));
  return [...onePerBranch.values()].flatMap(({ project_id, branch_id, id }) =>
    newOperations({ projectId: project_id, branchId: branch_id, endpointId: id }, ['apply_config']),
  );
}

async function withdraw(tx: Database, projectId: ProjectId): Promise<void> {
  const endpoints = await touchEndpoints(tx, projectId);
  await insertOperations(tx, [...endpoints.flatMap(stopOf), ...applyEverywhere(endpoints)]);
}

async function removeData(tx: Database, projectId: ProjectId): Promise<void> {
  const endpoints = await touchEndpoints(tx, projectId);
  await cancelOperations(tx, projectId);
  const timelines = await listTimelinesToDelete(tx, projectId);
  const snapshots = await listSnapshots(tx, projectId);
  await insertOperations(tx, [
    ...endpoints.flatMap(stopOf),
    ...timelines.flatMap(({ branchId, timelineId }) =>
      newOperations({ projectId, branchId, timelineId }, ['delete_timeline']),
    ),
    ...snapshots.flatMap(snapshotRemoval),
  ]);
  await clearDueDates(tx, projectId);
}

// What is due and what is about to begin is looked for all the time: what would never be done must
// not stay in the way.
async function clearDueDates(tx: Database, projectId: ProjectId): Promise<void> {
  await sql`
    with branch as (
      update branches set expires_at = null, purge_at = null
      where project_id = ${projectId} and (expires_at is not null or purge_at is not null)
    ), schedule as (
      update backup_schedules set next_at = null
      where branch_id in (select id from branches where project_id = ${projectId})
    ), endpoint as (
      update endpoints set current_state = 'idle', pending_state = null
      where project_id = ${projectId} and current_state = 'init'
    ), turn as (
      delete from drill_turns where project_id = ${projectId}
    )
    update snapshots set expires_at = null
    where project_id = ${projectId} and deleted_at is null and expires_at is not null`.execute(tx);
}

function stopOf({ id: endpointId, project_id: projectId, branch_id: branchId }: EndpointRow) {
  return newOperations({ projectId, branchId, endpointId }, ['suspend_compute']);
}
