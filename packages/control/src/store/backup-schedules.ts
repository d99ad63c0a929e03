import type { BackupScheduleItem, BranchId, ProjectId, TimelineId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** The schedule of a branch; an empty one where none was ever set. */
export async function getBackupSchedule(
  db: Database,
  branchId: BranchId,
): Promise<readonly BackupScheduleItem[]> {
  const row = await db
    .selectFrom('backup_schedules')
    .select('schedule')
    .where('branch_id', '=', branchId)
    .executeTakeFirst();
  return row?.schedule ?? [];
}

/** Sets the schedule of a branch; `nextAt` is null for an empty one. */
export async function putBackupSchedule(
  db: Database,
  branchId: BranchId,
  {
    schedule,
    nextAt,
  }: { readonly schedule: readonly BackupScheduleItem[]; readonly nextAt: Date | null },
): Promise<void> {
  const values = {
    // The driver would make an array of Postgres of it.
    schedule: sql<readonly BackupScheduleItem[]>`${JSON.stringify(schedule)}::jsonb`,
    next_at: nextAt,
    updated_at: sql<Date>`now()`,
  };
  await db
    .insertInto('backup_schedules')
    .values({ branch_id: branchId, ...values })
    .onConflict((oc) => oc.column('branch_id').doUpdateSet(values))
    .execute();
}

/** Removes the schedule of a branch that is gone. */
export async function dropBackupSchedule(db: Database, branchId: BranchId): Promise<void> {
  await db.deleteFrom('backup_schedules').where('branch_id', '=', branchId).execute();
}

/** A schedule that is due, and what a snapshot of its branch needs. */
export interface DueSchedule {
  readonly schedule: readonly BackupScheduleItem[];
  readonly next_at: Date;
  readonly region_id: string;
  readonly id: BranchId;
  readonly project_id: ProjectId;
  readonly timeline_id: TimelineId;
  readonly name: string;
}

/** Lists the schedules that are due, the longest due first; those of what is deleted never are. */
export function listDueSchedules(
  db: Database,
  { now, limit }: { readonly now: Date; readonly limit: number },
): Promise<DueSchedule[]> {
  return db
    .selectFrom('backup_schedules as s')
    .innerJoin('branches as b', 'b.id', 's.branch_id')
    .innerJoin('projects as p', 'p.id', 'b.project_id')
    .select(['s.schedule', 's.next_at', 'p.region_id'])
    .select(['b.id', 'b.project_id', 'b.timeline_id', 'b.name'])
    .where('s.next_at', '<=', now)
    .where('b.deleted_at', 'is', null)
    .where('p.deleted_at', 'is', null)
    .orderBy('s.next_at')
    .limit(limit)
    .$castTo<DueSchedule>()
    .execute();
}

/**
 * Moves a schedule on to its next firing. False when it was no longer due as it was read: another
 * replica has fired it, or it was set anew.
 */
export async function advanceSchedule(
  db: Database,
  { id, next_at: due }: Pick<DueSchedule, 'id' | 'next_at'>,
  nextAt: Date | null,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('backup_schedules')
    .set({ next_at: nextAt })
    .where('branch_id', '=', id)
    .where('next_at', '=', due)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
