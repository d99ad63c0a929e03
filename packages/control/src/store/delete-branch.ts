import type { BranchId, ProjectId, UserId } from '@pgfleet/contract';
import { sql } from 'kysely';
import { requireDeletable } from '../domain/branch-rules.ts';
import { contentOperation, newOperations } from '../domain/new-operation.ts';
import type { NewOperation } from '../domain/new-operation.ts';
import { dropBackupSchedule } from './backup-schedules.ts';
import { getBranchFamily } from './branches.ts';
import type { Database } from './database.ts';
import { touchBranchEndpoints } from './endpoints.ts';
import { cancelBranchOperations, insertOperations } from './operations.ts';
import type { BranchRow, EndpointRow, OperationRow } from './schema.ts';

/*
 * The end of a branch. Deleted, it is shown no more and nothing of it runs, but its data and the
 * rows of its endpoints wait until `purge_at` for a recovery. Purged, its data goes. Every function
 * that changes rows wants a transaction that has locked the project.
 */

/** How long a deleted branch can be recovered. */
const RECOVERY = '7 days';

export interface BranchDeletion {
  /** Null when nobody asked: its time is over. */
  readonly by: UserId | null;
  /** Without the days in which it can be recovered. */
  readonly isHard: boolean;
}

/**
 * Deletes a branch. One that has no data yet has nothing to recover.
 *
 * @throws PgfleetError `not_deletable`, `branch_has_children`, `branch_protected`,
 * `conflicting_operations`.
 */
export async function deleteBranch(
  tx: Database,
  branch: BranchRow,
  { by, isHard }: BranchDeletion,
): Promise<OperationRow[]> {
  requireDeletable(branch, await getBranchFamily(tx, branch));
  const { id: branchId, project_id: projectId } = branch;
  const endpoints = await touchBranchEndpoints(tx, branchId);
  const isRecoverable = !isHard && branch.current_state !== 'init';
  await cancelBranchOperations(tx, branch);
  await markDeleted(tx, branchId, { by, isRecoverable });
  if (!isRecoverable) await dropBackupSchedule(tx, branchId);
  const suspends = endpoints.flatMap(({ id }) =>
    newOperations({ projectId, branchId, endpointId: id }, ['suspend_compute']),
  );
  const removal = isRecoverable ? withdrawal(branch, endpoints) : purgeOperations(branch);
  return insertOperations(tx, [...suspends, ...removal.map(behind(suspends))]);
}

/**
 * Brings a deleted branch back, for good. Where its parent is gone it becomes a root: it shares
 * nothing with it but the past. Its host is told of its endpoints.
 */
export async function recoverBranch(
  tx: Database,
  { id, project_id: projectId, parent_id: parentId }: BranchRow,
): Promise<void> {
  await tx
    .updateTable('branches')
    .set({
      deleted_at: null,
      deleted_by: null,
      purge_at: null,
      expires_at: null,
      ttl_interval_seconds: null,
      parent_id: sql<BranchId | null>`(select id from branches parent
        where parent.id = ${parentId} and parent.deleted_at is null)`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .execute();
  // Settings may have changed meanwhile, and the host may never have heard of the deletion.
  const [endpoint] = await touchBranchEndpoints(tx, id);
  const subject = { projectId, branchId: id, ...(endpoint && { endpointId: endpoint.id }) };
  if (endpoint) await insertOperations(tx, newOperations(subject, ['apply_config']));
  // Changes of roles and databases that were under way when it was deleted were not made.
  await insertOperations(tx, [contentOperation(subject, [])]);
}

/** Has the data of a deleted branch removed; false when somebody else has. */
export async function purgeBranch(tx: Database, { id, projectId }: DueBranch): Promise<boolean> {
  const branch = await tx
    .updateTable('branches')
    .set({ purge_at: null })
    .where('id', '=', id)
    .where('deleted_at', 'is not', null)
    .where('purge_at', '<=', sql<Date>`now()`)
    .returning('id')
    .executeTakeFirst();
  if (!branch) return false;
  await removeData(tx, { id, project_id: projectId });
  return true;
}

/** Has the data of a deleted branch removed before its time: nobody can recover it any more. */
export async function purgeDeletedBranch(tx: Database, branch: BranchRow): Promise<OperationRow[]> {
  await tx.updateTable('branches').set({ purge_at: null }).where('id', '=', branch.id).execute();
  return removeData(tx, branch);
}

/** A branch whose time is over, and its project. */
export interface DueBranch {
  readonly id: BranchId;
  readonly projectId: ProjectId;
}

/** Lists branches whose expiration has passed, the longest over first. */
export function listExpiredBranches(db: Database, limit: number): Promise<DueBranch[]> {
  return ofLivingProjects(db)
    .where('branches.deleted_at', 'is', null)
    .where('branches.expires_at', '<=', sql<Date>`now()`)
    .where('branches.current_state', '<>', 'resetting')
    .where('branches.is_default', '=', false)
    .where('branches.is_protected', '=', false)
    .where(
      sql<boolean>`not exists (select from branches children
        where children.parent_id = branches.id and children.deleted_at is null)`,
    )
    .orderBy('branches.expires_at')
    .limit(limit)
    .execute();
}

/** Lists deleted branches that can be recovered no longer, the longest over first. */
export function listBranchesToPurge(db: Database, limit: number): Promise<DueBranch[]> {
  return ofLivingProjects(db)
    .where('branches.deleted_at', 'is not', null)
    .where('branches.purge_at', '<=', sql<Date>`now()`)
    .orderBy('branches.purge_at')
    .limit(limit)
    .execute();
}

async function removeData(
  tx: Database,
  branch: Pick<BranchRow, 'id' | 'project_id'>,
): Promise<OperationRow[]> {
  await dropBackupSchedule(tx, branch.id);
  return insertOperations(tx, purgeOperations(branch));
}

async function markDeleted(
  tx: Database,
  id: BranchId,
  { by, isRecoverable }: { readonly by: UserId | null; readonly isRecoverable: boolean },
): Promise<void> {
  await tx
    .updateTable('branches')
    .set({
      deleted_at: sql<Date>`now()`,
      deleted_by: by,
      purge_at: isRecoverable ? sql<Date>`now() + ${RECOVERY}::interval` : null,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .execute();
}

// The host forgets the endpoints; their rows wait for a recovery.
function withdrawal(
  { id: branchId, project_id: projectId }: BranchRow,
  [endpoint]: readonly EndpointRow[],
): NewOperation[] {
  if (!endpoint) return [];
  return newOperations({ projectId, branchId, endpointId: endpoint.id }, ['apply_config']);
}

function purgeOperations({
  id: branchId,
  project_id: projectId,
}: Pick<BranchRow, 'id' | 'project_id'>): NewOperation[] {
  return newOperations({ projectId, branchId }, ['delete_timeline']);
}

function behind(earlier: readonly NewOperation[]) {
  return (operation: NewOperation): NewOperation =>
    earlier.length === 0 ? operation : { ...operation, status: 'scheduling' };
}

function ofLivingProjects(db: Database) {
  return db
    .selectFrom('branches')
    .innerJoin('projects', 'projects.id', 'branches.project_id')
    .select(['branches.id', 'branches.project_id as projectId'])
    .where('projects.deleted_at', 'is', null);
}
