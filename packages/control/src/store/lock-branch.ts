import type { ProjectId, TimelineId } from '@pgfleet/contract';
import type { Database } from './database.ts';
import type { BranchRow, OperationRow } from './schema.ts';

/** A branch that an operation leads to another timeline. */
export interface LeavingBranch {
  readonly projectId: ProjectId;
  readonly branch: BranchRow;
  /** Where it goes. */
  readonly timelineId: TimelineId;
}

/**
 * Reads the branch of an operation that names a timeline, in a transaction: all that changes branches
 * locks the project first.
 */
export async function lockLeavingBranch(
  tx: Database,
  operation: OperationRow,
): Promise<LeavingBranch> {
  const { project_id: projectId, branch_id: branchId, timeline_id: timelineId } = operation;
  if (!branchId || !timelineId) throw new Error(`operation ${operation.id} names no timeline`);
  await tx
    .selectFrom('projects')
    .select('id')
    .where('id', '=', projectId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  const branch = await tx
    .selectFrom('branches')
    .selectAll()
    .where('id', '=', branchId)
    .executeTakeFirstOrThrow();
  return { projectId, branch, timelineId };
}
