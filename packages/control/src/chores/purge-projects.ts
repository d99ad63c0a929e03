import { listProjectsToPurge, purgeProject } from '../store/delete-project.ts';
import type { ScheduleContext } from './fire-backup-schedules.ts';

const BATCH = 100;

/** Removes the data of deleted projects that can be recovered no longer. */
export async function purgeProjects({
  db,
  worker,
}: Pick<ScheduleContext, 'db' | 'worker'>): Promise<void> {
  for (const id of await listProjectsToPurge(db, BATCH)) {
    await db.transaction().execute((tx) => purgeProject(tx, id));
    worker.kick();
  }
}
