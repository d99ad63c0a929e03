import type { Logger } from '@pgfleet/kit';
import type { OperationKicker } from '../api/api-context.ts';
import { firedItems, longestKept, nextFiringOf } from '../domain/backup-schedule.ts';
import { planSnapshot } from '../domain/new-snapshot.ts';
import { advanceSchedule, listDueSchedules } from '../store/backup-schedules.ts';
import type { DueSchedule } from '../store/backup-schedules.ts';
import type { Database } from '../store/database.ts';
import { lockLiveProject } from '../store/projects.ts';
import { insertSnapshot } from '../store/snapshots.ts';

export interface ScheduleContext {
  readonly db: Database;
  readonly worker: Pick<OperationKicker, 'kick'>;
  readonly log: Logger;
}

const BATCH = 100;

/**
 * Takes the snapshots that are due. A schedule and its snapshot change in one transaction that
 * compares what was due, so each firing yields one snapshot, however many replicas look. Firings
 * that were missed while nobody looked yield one together.
 */
export async function fireBackupSchedules(
  { db, worker, log }: ScheduleContext,
  now = new Date(),
): Promise<void> {
  const due = await listDueSchedules(db, { now, limit: BATCH });
  for (const schedule of due) {
    try {
      if (await fire(db, schedule, now)) worker.kick();
    } catch (error) {
      // The others are due as well; this one still is.
      log.warn({ err: error, branch_id: schedule.id }, 'backup schedule could not be fired');
    }
  }
}

function fire(db: Database, due: DueSchedule, now: Date): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const project = await lockLiveProject(tx, due.project_id);
    if (!project) return false;
    if (!(await advanceSchedule(tx, due, nextFiringOf(due.schedule, now)))) return false;
    const item = longestKept(firedItems(due.schedule, { due: due.next_at, now }));
    const { retention_seconds: seconds } = item ?? {};
    const expiresAt = seconds === undefined ? null : new Date(now.getTime() + seconds * 1000);
    // The operation finds the head: nobody waits for an answer, and the host may be away.
    const source = { branch: due, regionId: due.region_id, at: { kind: 'head' } as const };
    await insertSnapshot(tx, planSnapshot(source, { expiresAt, createdBy: null, now }));
    return true;
  });
}
