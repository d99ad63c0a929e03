import type { BranchId } from '@pgfleet/contract';
import { findBranch } from '../store/branches.ts';
import { putInPlace } from '../store/finalize-restore.ts';
import { lockLiveProject } from '../store/projects.ts';
import { loadBranchOnHost } from '../store/timelines.ts';
import { defineAction, done } from './action.ts';
import type { Outcome, StepContext } from './action.ts';
import { putEndpoints, suspendEndpoints } from './branch-host.ts';

const RESTORE_PATIENCE_MS = 200;

/**
 * Puts a restored branch in the place of its target, unless a request has done so, and tells the
 * host whose endpoints serve which data by now. What runs is stopped: it serves the former data.
 */
export const finalizeRestore = defineAction('swap', {
  async swap({ db, operation }) {
    const outcome = await db.transaction().execute(async (tx): Promise<Outcome<'announce'>> => {
      const project = await lockLiveProject(tx, operation.project_id);
      const branch = project && (await findBranch(tx, project.id, operation.branch_id ?? ''));
      if (!branch) return { kind: 'abort', reason: 'the restored branch is gone' };
      if (branch.current_state === 'init') return { kind: 'abort', reason: 'it has no data' };
      const { kind } = await putInPlace(tx, branch);
      if (kind === 'final') return { kind: 'next', step: 'announce' };
      if (kind === 'gone') return { kind: 'abort', reason: 'the branch to be replaced is gone' };
      return { kind: 'waitFor', what: 'the target', delayMs: RESTORE_PATIENCE_MS };
    });
    return outcome;
  },

  async announce(context) {
    const branchId = context.operation.branch_id as BranchId;
    const { restored_as: targetId } = await context.db
      .selectFrom('branches')
      .select('restored_as')
      .where('id', '=', branchId)
      .executeTakeFirstOrThrow();
    await announceBranch(branchId, context);
    if (targetId) await announceBranch(targetId, context);
    return done;
  },
});

async function announceBranch(id: BranchId, context: StepContext): Promise<void> {
  const loaded = await loadBranchOnHost(context.db, id);
  if (!loaded.host || loaded.branch.deleted_at !== null) return;
  const host = context.connectHost(loaded.host.address);
  await putEndpoints(host, loaded, context);
  await suspendEndpoints(host, loaded, context);
}
