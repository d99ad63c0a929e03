import { newBranchId, newTimelineId, PgfleetError } from '@pgfleet/contract';
import type { BranchId, BranchRestoreRequest, EndpointId, TimelineId } from '@pgfleet/contract';
import { restartExpiry } from './branch-expiry.ts';
import type { BranchExpiry } from './branch-expiry.ts';
import { requireLasting, requireReady, requireReplaceable } from './branch-rules.ts';
import type { RuledBranch } from './branch-rules.ts';
import type { BranchSource, DerivedSource } from './new-branch.ts';
import type { EndpointProject } from './new-endpoint.ts';
import { newOperations, startOperations } from './new-operation.ts';
import type { NewOperation } from './new-operation.ts';

/** A branch that a restore replaces the content of. */
export interface RestoredBranch extends RuledBranch, BranchExpiry {
  readonly children: number;
  readonly activeEndpointIds: readonly EndpointId[];
}

/** Everything that a restore inserts and changes at once. */
export interface BranchRestore {
  readonly timeline: { readonly id: TimelineId; readonly source: DerivedSource };
  /** The branch that keeps the former state; null where nothing keeps it. */
  readonly backup: { readonly id: BranchId; readonly name: string } | null;
  /** Of the restored branch, named as the columns are. */
  readonly change: {
    readonly expires_at?: Date;
    readonly parent_id?: BranchId;
    readonly parent_lsn?: string | null;
    readonly parent_timestamp?: string | null;
  };
  readonly operations: readonly NewOperation[];
}

/**
 * Checks that a branch may be restored from another one, or from its own past.
 *
 * @throws PgfleetError `branch_protected`, `branch_anonymized`, `branch_has_children`, `branch_not_ready`,
 * `conflicting_operations`, `invalid_request`.
 */
export function requireRestorable(
  branch: RestoredBranch,
  source: RuledBranch,
  request: BranchRestoreRequest,
): void {
  const isOwn = source.id === branch.id;
  const isKept = Boolean(request.preserve_under_name);
  requireReplaceable(branch);
  requireReady(branch);
  requireReady(source);
  if (isOwn && request.source_lsn === undefined && request.source_timestamp === undefined) {
    throw invalid('source_lsn or source_timestamp is required to restore a branch to its own past');
  }
  if (isOwn && !isKept) {
    throw invalid('preserve_under_name is required to restore a branch to its own past');
  }
  if (branch.children > 0 && !isKept) {
    throw new PgfleetError('branch_has_children', {
      message: 'preserve_under_name is required: the branch has children',
    });
  }
  if (!isKept) requireLasting(source, 'have children');
}

/** Decides what a restore is made of: a timeline beside the present one, and maybe a backup. */
export function planRestore(
  branch: RestoredBranch,
  source: BranchSource,
  wish: {
    readonly project: EndpointProject;
    readonly preserveUnderName: string | undefined;
    readonly now: Date;
  },
): BranchRestore {
  const { project, preserveUnderName: name, now } = wish;
  const timelineId = newTimelineId();
  const subject = { projectId: project.id, branchId: branch.id, timelineId };
  const backup = name ? { id: newBranchId(project.region_id), name } : null;
  const { at, lsn } = source;
  const isReset = source.branchId === branch.parent_id;
  return {
    timeline: {
      id: timelineId,
      source: { kind: 'timeline', timelineId: source.timelineId, at },
    },
    backup,
    change: {
      ...(isReset ? restartExpiry(branch, now) : {}),
      ...(backup && {
        parent_id: backup.id,
        parent_lsn: lsn,
        parent_timestamp: at.kind === 'time' ? at.at : null,
      }),
    },
    operations: [
      ...newOperations(subject, ['create_branch']),
      ...startOperations(subject, branch.activeEndpointIds),
    ],
  };
}

function invalid(problem: string): PgfleetError {
  return new PgfleetError('invalid_request', { message: `invalid request: ${problem}` });
}
