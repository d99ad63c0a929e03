import { snapshotRemoval } from '../domain/new-snapshot.ts';
import { insertOperations } from '../store/operations.ts';
import { lockLiveProject } from '../store/projects.ts';
import { listExpiredSnapshots, markSnapshotDeleted } from '../store/snapshots.ts';
import type { ScheduleContext } from './fire-backup-schedules.ts';

const BATCH = 100;

/** Deletes the snapshots whose time is over, as a request would. */
export async function expireSnapshots({
  db,
  worker,
}: Pick<ScheduleContext, 'db' | 'worker'>): Promise<void> {
  for (const { id, project_id: projectId } of await listExpiredSnapshots(db, BATCH)) {
    await db.transaction().execute(async (tx) => {
      // The deletion of a project has taken its snapshots along.
      if (!(await lockLiveProject(tx, projectId))) return;
      const snapshot = await markSnapshotDeleted(tx, id);
      if (snapshot) await insertOperations(tx, snapshotRemoval(snapshot));
    });
    worker.kick();
  }
}
