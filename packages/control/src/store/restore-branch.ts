import type { BranchId, TimelineId, UserId } from '@pgfleet/contract';
import { sql } from 'kysely';
import { newOperations } from '../domain/new-operation.ts';
import type { BranchRestore } from '../domain/restore-branch.ts';
import { updateBranch } from './branches.ts';
import { insertBranch, insertBranchContent, insertDerivedTimeline } from './create-branch.ts';
import type { NewRole } from './create-branch.ts';
import type { Database } from './database.ts';
import { touchBranchEndpoints } from './endpoints.ts';
import { lockLeavingBranch } from './lock-branch.ts';
import type { LeavingBranch } from './lock-branch.ts';
import { insertOperations } from './operations.ts';
import type { BranchRow, OperationRow } from './schema.ts';

/*
 * The rows of a restore. While it runs, the branch is `resetting` and still on its former timeline;
 * so is the backup, a branch of its own on the same timeline, which exists where the former state is
 * to be kept. The swing ends that: the branch is on the new timeline, the former one is the
 * backup's or goes. Giving up ends it the other way round.
 */

interface Restore extends LeavingBranch {
  readonly backup: BranchRow | undefined;
}

/** A restore that is about to begin. */
export interface BeginningRestore {
  readonly branch: BranchRow;
  readonly plan: BranchRestore;
  /** The roles of the backup, as they are stored. */
  readonly roles: readonly NewRole[];
  readonly userId: UserId;
}

/** Inserts a restore, in a transaction that has locked the project. */
export async function beginRestore(
  tx: Database,
  { branch, plan, roles, userId }: BeginningRestore,
): Promise<OperationRow[]> {
  await insertDerivedTimeline(tx, plan.timeline, branch.project_id);
  if (plan.backup) await insertBackup(tx, { branch, backup: plan.backup, roles, userId });
  await updateBranch(tx, branch.id, {
    ...plan.change,
    current_state: 'resetting',
    pending_state: 'ready',
    state_changed_at: sql<Date>`now()`,
  });
  return insertOperations(tx, plan.operations);
}

// It is what the branch was: child of the same parent, parent of the same children.
async function insertBackup(
  tx: Database,
  {
    branch,
    backup,
    roles,
    userId,
  }: Omit<BeginningRestore, 'plan'> & {
    readonly backup: { readonly id: BranchId; readonly name: string };
  },
): Promise<void> {
  await insertBranch(tx, {
    ...backup,
    project_id: branch.project_id,
    timeline_id: branch.timeline_id,
    parent_id: branch.parent_id,
    parent_lsn: branch.parent_lsn,
    parent_timestamp: branch.parent_timestamp,
    init_source: branch.init_source,
    current_state: 'resetting',
    created_by: userId,
  });
  await insertBranchContent(tx, backup.id, { roles, databasesOf: branch.id });
  await tx
    .updateTable('branches')
    .set({ parent_id: backup.id })
    .where('parent_id', '=', branch.id)
    .where('id', '<>', backup.id)
    .execute();
}

/** Puts the branch of a restore on its new timeline; false when the restore was given up. */
export function swingBranch(db: Database, operation: OperationRow): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const restore = await lockRestore(tx, operation);
    if (restore.branch.timeline_id === restore.timelineId) return true;
    if (restore.branch.current_state !== 'resetting') return false;
    await leaveTimeline(tx, restore);
    await enterTimeline(tx, restore);
    await touchBranchEndpoints(tx, restore.branch.id);
    return true;
  });
}

/**
 * Leaves the branch of a restore where it is: on its former timeline, as if nothing had been asked
 * for; or on the new one, which its host is then told by an operation of its own.
 */
export function giveUpRestore(db: Database, operation: OperationRow): Promise<void> {
  return db.transaction().execute(async (tx) => {
    const restore = await lockRestore(tx, operation);
    const { branch, timelineId } = restore;
    if (branch.current_state !== 'resetting') return;
    await settle(tx, branch.id);
    if (branch.timeline_id === timelineId) {
      const subject = { projectId: restore.projectId, branchId: branch.id };
      await insertOperations(tx, newOperations(subject, ['apply_config']));
      return;
    }
    await takeBack(tx, restore);
    await insertOperations(tx, removal(restore, timelineId));
  });
}

async function lockRestore(tx: Database, operation: OperationRow): Promise<Restore> {
  const leaving = await lockLeavingBranch(tx, operation);
  const { branch } = leaving;
  const backup = await tx
    .selectFrom('branches')
    .selectAll()
    .where('timeline_id', '=', branch.timeline_id)
    .where('id', '<>', branch.id)
    .where('current_state', '=', 'resetting')
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return { ...leaving, backup };
}

// The host has to hear that the former timeline is the backup's, or that nobody needs it.
async function leaveTimeline(tx: Database, restore: Restore): Promise<void> {
  const { projectId, backup, branch } = restore;
  if (!backup) {
    await insertOperations(tx, removal(restore, branch.timeline_id));
    return;
  }
  await settle(tx, backup.id);
  const subject = { projectId, branchId: backup.id, timelineId: backup.timeline_id };
  await insertOperations(tx, newOperations(subject, ['apply_config']));
}

async function enterTimeline(tx: Database, { branch, backup, timelineId }: Restore): Promise<void> {
  const timeline = await tx
    .selectFrom('timelines')
    .selectAll()
    .where('id', '=', timelineId)
    .executeTakeFirstOrThrow();
  const parentId = backup ? null : await findSourceBranch(tx, branch.id, timeline.source);
  await tx
    .updateTable('branches')
    .set({
      timeline_id: timelineId,
      ...(parentId ? { parent_id: parentId } : {}),
      parent_lsn: timeline.origin_lsn,
      parent_timestamp: timeline.origin_at,
      last_reset_at: sql<Date>`now()`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', branch.id)
    .execute();
}

async function findSourceBranch(
  tx: Database,
  ownId: BranchId,
  source: { readonly kind: string; readonly timelineId?: TimelineId },
): Promise<BranchId | undefined> {
  if (!source.timelineId) return undefined;
  const found = await tx
    .selectFrom('branches')
    .select('id')
    .where('timeline_id', '=', source.timelineId)
    .where('id', '<>', ownId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return found?.id;
}

// The backup's row says whose child the branch was, and whose children its own were.
async function takeBack(tx: Database, { branch, backup }: Restore): Promise<void> {
  if (!backup) return;
  await tx
    .updateTable('branches')
    .set({ parent_id: branch.id })
    .where('parent_id', '=', backup.id)
    .where('id', '<>', branch.id)
    .execute();
  await tx
    .updateTable('branches')
    .set({
      parent_id: backup.parent_id,
      parent_lsn: backup.parent_lsn,
      parent_timestamp: backup.parent_timestamp,
    })
    .where('id', '=', branch.id)
    .execute();
  await tx
    .updateTable('branches')
    .set({ deleted_at: sql<Date>`now()`, current_state: 'ready', pending_state: null })
    .where('id', '=', backup.id)
    .execute();
}

function settle(tx: Database, id: BranchId): Promise<unknown> {
  return tx
    .updateTable('branches')
    .set({
      current_state: 'ready',
      pending_state: null,
      state_changed_at: sql<Date>`now()`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .execute();
}

function removal({ projectId, branch }: Restore, timelineId: TimelineId) {
  const subject = { projectId, branchId: branch.id, timelineId };
  return newOperations(subject, ['delete_timeline']);
}
