import type { BranchId } from '@pgfleet/contract';
import { sql } from 'kysely';
import { restoreNames } from '../domain/restore-snapshot.ts';
import { findFreeName, updateBranch } from './branches.ts';
import type { Database } from './database.ts';
import type { BranchRow } from './schema.ts';

/*
 * A restored snapshot takes the place of the branch that it was restored as: its name, its endpoints
 * with their addresses, its snapshots and their schedule, and being the default. The replaced branch stays
 * under another name, without a parent; an endpoint that the restored one was looked at with moves
 * to it. Everything happens in a transaction that has locked the project.
 */

export type Finalization =
  | { readonly kind: 'final'; readonly targetId: BranchId }
  /** The target is being restored itself. */
  | { readonly kind: 'busy' }
  /** There is nothing to be replaced any more. */
  | { readonly kind: 'gone' };

/**
 * Puts a restored branch in the place of its target; nothing to do where that is done. `oldName` is
 * for the replaced branch.
 */
export async function putInPlace(
  tx: Database,
  branch: BranchRow,
  oldName?: string,
): Promise<Finalization> {
  const targetId = branch.restored_as;
  if (targetId === null) return { kind: 'gone' };
  if (branch.restore_status === 'finalized') return { kind: 'final', targetId };
  const target = await tx
    .selectFrom('branches')
    .selectAll()
    .where('id', '=', targetId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (!target) return { kind: 'gone' };
  if (target.current_state === 'resetting') return { kind: 'busy' };
  const name = oldName ?? (await nameOfReplaced(tx, target));
  await stepAside(tx, target, name);
  await stepIn(tx, branch, target);
  await swapEndpoints(tx, branch.id, targetId);
  await moveSchedule(tx, { from: targetId, to: branch.id });
  await moveSnapshots(tx, { from: targetId, to: branch.id });
  return { kind: 'final', targetId };
}

function nameOfReplaced(tx: Database, target: BranchRow): Promise<string> {
  return findFreeName(tx, target.project_id, restoreNames.replaced(target.name));
}

function stepAside(tx: Database, { id }: BranchRow, name: string): Promise<unknown> {
  return updateBranch(tx, id, {
    name,
    is_default: false,
    parent_id: null,
    parent_lsn: null,
    parent_timestamp: null,
    expires_at: null,
    ttl_interval_seconds: null,
  });
}

function stepIn(tx: Database, { id }: BranchRow, target: BranchRow): Promise<unknown> {
  return updateBranch(tx, id, {
    name: target.name,
    is_default: target.is_default,
    expires_at: target.expires_at,
    ttl_interval_seconds: target.ttl_interval_seconds,
    restore_status: 'finalized',
  });
}

// A branch has one endpoint for writing at any moment, so one of the two waits as a reader.
async function swapEndpoints(tx: Database, restored: BranchId, replaced: BranchId): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    update endpoints set type = 'read_only'
    where branch_id = ${restored} and type = 'read_write' and deleted_at is null
    returning id`.execute(tx);
  const waiting = rows.map(({ id }) => id);
  await sql`
    update endpoints set branch_id = ${restored}, generation = generation + 1, is_heard = false,
      updated_at = now()
    where branch_id = ${replaced} and deleted_at is null`.execute(tx);
  await sql`
    update endpoints set type = 'read_write', branch_id = ${replaced},
      generation = generation + 1, is_heard = false, updated_at = now()
    where id = any(${waiting})`.execute(tx);
}

async function moveSchedule(
  tx: Database,
  { from, to }: { readonly from: BranchId; readonly to: BranchId },
): Promise<void> {
  await sql`
    delete from backup_schedules where branch_id = ${to}
      and exists (select from backup_schedules where branch_id = ${from})`.execute(tx);
  await sql`update backup_schedules set branch_id = ${to} where branch_id = ${from}`.execute(tx);
}

// They are of the branch that the restored one is by now: restored again, they are to replace it.
function moveSnapshots(
  tx: Database,
  { from, to }: { readonly from: BranchId; readonly to: BranchId },
): Promise<unknown> {
  return tx
    .updateTable('snapshots')
    .set({ source_branch_id: to })
    .where('source_branch_id', '=', from)
    .execute();
}
