import type { BranchId } from '@pgfleet/contract';
import { findBranch } from '../store/branches.ts';
import { putInPlace } from '../store/finalize-restore.ts';
import { lockLiveProject } from '../store/projects.ts';
import { loadBranchOnHost } from '../store/timelines.ts';
import { defineAction, done } from './action.ts';
import type { Outcome, StepContext } from './action.ts';
import { putEndpoints } from './branch-host.ts';
import { renewTimeline } from './put-timeline.ts';

const RESTORE_PATIENCE_MS = 200;

/**
 * Puts a restored branch in the place of its target, unless a request has done so, and tells the
 * host whose endpoints serve which data by now. What runs is stopped: it serves the former data. The
 * passwords of the replaced branch go along with its endpoints.
 */
export const finalizeRestore = defineAction('swap', {
  async swap({ db, operation }) {
    const outcome = await db.transaction().execute(async (tx): Promise<Outcome<'carry'>> => {
      const project = await lockLiveProject(tx, operation.project_id);
      const branch = project && (await findBranch(tx, project.id, operation.branch_id ?? ''));
      if (!branch) return { kind: 'abort', reason: 'the restored branch is gone' };
      if (branch.current_state === 'init') return { kind: 'abort', reason: 'it has no data' };
      const { kind } = await putInPlace(tx, branch);
      if (kind === 'final') return { kind: 'next', step: 'carry' };
      if (kind === 'gone') return { kind: 'abort', reason: 'the branch to be replaced is gone' };
      return { kind: 'waitFor', what: 'the target', delayMs: RESTORE_PATIENCE_MS };
    });
    return outcome;
  },

  async carry(context) {
    const { branchId, targetId } = await bothBranches(context);
    const restored = await loadBranchOnHost(context.db, branchId);
    const replaced = targetId && (await loadBranchOnHost(context.db, targetId));
    if (replaced && restored.host && restored.branch.deleted_at === null) {
      const host = context.connectHost(restored.host.address);
      const passwordsOf = replaced.timeline.id;
      await renewTimeline(host, { ...restored, passwordsOf }, context);
    }
    return { kind: 'next', step: 'announce' };
  },

  async announce(context) {
    const { branchId, targetId } = await bothBranches(context);
    await announceBranch(branchId, context);
    if (targetId) await announceBranch(targetId, context);
    return done;
  },
});

interface BothBranches {
  readonly branchId: BranchId;
  readonly targetId: BranchId | null;
}

async function bothBranches({ db, operation }: StepContext): Promise<BothBranches> {
  const branchId = operation.branch_id as BranchId;
  const { restored_as: targetId } = await db
    .selectFrom('branches')
    .select('restored_as')
    .where('id', '=', branchId)
    .executeTakeFirstOrThrow();
  return { branchId, targetId };
}

async function announceBranch(id: BranchId, context: StepContext): Promise<void> {
  const loaded = await loadBranchOnHost(context.db, id);
  if (!loaded.host || loaded.branch.deleted_at !== null) return;
  const host = context.connectHost(loaded.host.address);
  await putEndpoints(host, loaded, context);
}
