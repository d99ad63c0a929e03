import { PgfleetError } from '@pgfleet/contract';
import type { Database } from '../store/database.ts';
import { claimDrill, finishDrill, postponeDrill } from '../store/restore-drills.ts';
import type { DrillTarget } from '../store/restore-drills.ts';
import { verifyBranch } from './verify-branch.ts';
import type { VerifyContext } from './verify-branch.ts';

export interface DrillContext extends VerifyContext {
  readonly db: Database;
}

/**
 * Drills the projects that are due, one after the other. One that cannot be drilled has its turn
 * again an hour later, so that it keeps no other waiting.
 */
export async function runRestoreDrills(
  context: DrillContext,
  signal: AbortSignal,
  now = () => new Date(),
): Promise<void> {
  while (!signal.aborted) {
    const began = now();
    const target = await claimDrill(context.db, began);
    if (!target) return;
    await drill(context, { target, began }, signal);
  }
}

async function drill(
  context: DrillContext,
  { target, began }: { readonly target: DrillTarget; readonly began: Date },
  signal: AbortSignal,
): Promise<void> {
  const { db, log } = context;
  try {
    const report = await verifyBranch(context, target, { signal });
    await finishDrill(db, target, { report, began });
  } catch (error) {
    await postponeDrill(db, target, began);
    if (signal.aborted) return;
    const level = error instanceof PgfleetError && error.code === 'internal' ? 'error' : 'warn';
    const subject = { project_id: target.projectId, branch_id: target.branchId };
    log[level]({ err: error, ...subject }, 'restore drill could not be done, it will be repeated');
  }
}
