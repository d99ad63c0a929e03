import { findExpiredBranch } from '../store/branches.ts';
import type { Database } from '../store/database.ts';
import {
  deleteBranch,
  listBranchesToPurge,
  listExpiredBranches,
  purgeBranch,
} from '../store/delete-branch.ts';
import type { DueBranch } from '../store/delete-branch.ts';
import { lockLiveProject } from '../store/projects.ts';
import type { ScheduleContext } from './fire-backup-schedules.ts';

const BATCH = 100;

/** Deletes the branches whose time is over, as a request would. */
export async function expireBranches(
  context: Pick<ScheduleContext, 'db' | 'worker'>,
): Promise<void> {
  const due = await listExpiredBranches(context.db, BATCH);
  await withEach(due, context, async (tx, { id }) => {
    const branch = await findExpiredBranch(tx, id);
    if (branch) await deleteBranch(tx, branch, { by: null, isHard: false });
  });
}

/** Removes the data of deleted branches that can be recovered no longer. */
export async function purgeBranches(
  context: Pick<ScheduleContext, 'db' | 'worker'>,
): Promise<void> {
  await withEach(await listBranchesToPurge(context.db, BATCH), context, purgeBranch);
}

async function withEach(
  due: readonly DueBranch[],
  { db, worker }: Pick<ScheduleContext, 'db' | 'worker'>,
  work: (tx: Database, branch: DueBranch) => Promise<unknown>,
): Promise<void> {
  for (const branch of due) {
    await db.transaction().execute(async (tx) => {
      // The deletion of a project has taken its branches along.
      if (await lockLiveProject(tx, branch.projectId)) await work(tx, branch);
    });
    worker.kick();
  }
}
