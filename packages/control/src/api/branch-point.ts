import { PgfleetError } from '@pgfleet/contract';
import type { PointInTime, ResolvedPoint, TimelineId } from '@pgfleet/contract';
import { requireSettled } from '../domain/branch-rules.ts';
import { requireWithinHistory } from '../domain/history-window.ts';
import type { BranchRow, ProjectRow } from '../store/schema.ts';
import { getTimelineBirth } from '../store/timelines.ts';
import { isUnmasked } from '../store/anonymized-branches.ts';
import { isContentChanging } from '../store/adopt-content.ts';
import type { ApiContext } from './api-context.ts';
import { hostOfBranch } from './branch-at-host.ts';

/** A point of a branch's history that can be gone back to, as of a moment ago. */
export interface BranchPoint extends ResolvedPoint {
  readonly branchId: BranchRow['id'];
  readonly timelineId: TimelineId;
}

const HOST_PATIENCE_MS = 10_000;

/**
 * Asks the host of a branch for a point of its history. The head becomes an LSN, so that what is
 * made of it later holds what is committed by now; that of a branch whose data is still being made
 * stays the head.
 *
 * @throws PgfleetError `point_not_available`, `conflicting_operations`; `branch_unmasked` for a branch
 * whose data nobody may see; `unavailable` while the host
 * cannot be reached.
 */
export async function resolveBranchPoint(
  { project, branch }: { readonly project: ProjectRow; readonly branch: BranchRow },
  wanted: PointInTime,
  context: Pick<ApiContext, 'db' | 'connectHost'>,
): Promise<BranchPoint> {
  requireSettled(branch);
  if (await isUnmasked(context.db, branch)) throw new PgfleetError('branch_unmasked');
  // Of the present, a copy is to have the roles and databases that the API has answered for.
  if (wanted.kind === 'head' && (await isContentChanging(context.db, branch))) {
    throw new PgfleetError('conflicting_operations');
  }
  const place = { branchId: branch.id, timelineId: branch.timeline_id };
  const window = {
    bornAt: await getTimelineBirth(context.db, branch.timeline_id),
    retentionSeconds: project.history_retention_seconds,
  };
  requireWithinHistory(wanted, window, new Date());
  if (branch.current_state === 'init' && wanted.kind === 'head') {
    return { ...place, at: wanted, lsn: null };
  }
  const host = await hostOfBranch(branch, context);
  const options = { timeoutMs: HOST_PATIENCE_MS };
  return { ...place, ...(await host.resolvePoint(branch.timeline_id, wanted, options)) };
}

/**
 * Checks that a branch still is where its point was asked for.
 *
 * @throws PgfleetError `conflicting_operations` when it was restored meanwhile.
 */
export function requireUnmoved(branch: BranchRow, point: BranchPoint): void {
  if (branch.timeline_id !== point.timelineId) throw new PgfleetError('conflicting_operations');
  requireSettled(branch);
}
