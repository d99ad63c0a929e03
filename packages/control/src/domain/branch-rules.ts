import { PgfleetError } from '@pgfleet/contract';
import type { BranchId, BranchState, TimelineId } from '@pgfleet/contract';

/** What of a branch the rules look at, named as the columns are. */
export interface RuledBranch {
  readonly id: BranchId;
  readonly timeline_id: TimelineId;
  readonly parent_id: BranchId | null;
  readonly current_state: BranchState;
  readonly is_default: boolean;
  readonly is_protected: boolean;
  /** Whether its data is masked, or is to be. */
  readonly is_anonymized: boolean;
  readonly expires_at: Date | null;
}

/** What is around a branch. */
export interface BranchFamily {
  readonly children: number;
  /** Roots of the project. */
  readonly roots: number;
}

/**
 * Checks that a branch may get other data than it has.
 *
 * @throws PgfleetError `branch_protected`; `branch_anonymized`, since that data would not be masked.
 */
export function requireReplaceable({
  is_protected: isProtected,
  is_anonymized: isAnonymized,
}: Pick<RuledBranch, 'is_protected' | 'is_anonymized'>): void {
  if (isProtected) throw new PgfleetError('branch_protected');
  if (!isAnonymized) return;
  throw new PgfleetError('branch_anonymized', {
    message: 'an anonymized branch cannot be restored: make another one for other data',
  });
}

/** @throws PgfleetError `branch_not_root`: snapshots are taken of roots only. */
export function requireRoot({ parent_id: parentId }: Pick<RuledBranch, 'parent_id'>): void {
  if (parentId !== null) throw new PgfleetError('branch_not_root');
}

/** @throws PgfleetError `conflicting_operations` while the branch is being restored. */
export function requireSettled({ current_state: state }: Pick<RuledBranch, 'current_state'>): void {
  if (state === 'resetting') throw new PgfleetError('conflicting_operations');
}

/**
 * @throws PgfleetError `branch_not_ready` before the branch has data, `conflicting_operations`
 * while it is being restored.
 */
export function requireReady({ current_state: state }: Pick<RuledBranch, 'current_state'>): void {
  requireSettled({ current_state: state });
  if (state === 'init') throw new PgfleetError('branch_not_ready');
}

/**
 * @throws PgfleetError `not_deletable`, `branch_has_children`, `branch_protected`,
 * `conflicting_operations`.
 */
export function requireDeletable(branch: RuledBranch, { children, roots }: BranchFamily): void {
  if (branch.is_protected) throw new PgfleetError('branch_protected');
  if (branch.is_default) {
    throw new PgfleetError('not_deletable', { message: 'the default branch cannot be deleted' });
  }
  if (branch.parent_id === null && roots < 2) {
    throw new PgfleetError('not_deletable', { message: 'the root branch cannot be deleted' });
  }
  if (children > 0) {
    throw new PgfleetError('branch_has_children', {
      message: 'a branch with children cannot be deleted',
    });
  }
  requireSettled(branch);
}

/** @throws PgfleetError `invalid_request` for a branch that must not have an expiration. */
export function requireExpirable(
  branch: Pick<RuledBranch, 'is_default' | 'is_protected'>,
  { children }: Pick<BranchFamily, 'children'>,
): void {
  const kind = describeLasting(branch, children);
  if (!kind) return;
  throw new PgfleetError('invalid_request', {
    message: `an expiration cannot be set on ${kind}`,
  });
}

/**
 * @throws PgfleetError `invalid_request` when a branch that expires is to become one that others
 * rely on.
 */
export function requireLasting({ expires_at: at }: Pick<RuledBranch, 'expires_at'>, use: string) {
  if (at === null) return;
  throw new PgfleetError('invalid_request', {
    message: `a branch with an expiration cannot ${use}`,
  });
}

function describeLasting(
  branch: Pick<RuledBranch, 'is_default' | 'is_protected'>,
  children: number,
): string | undefined {
  if (branch.is_default) return 'the default branch';
  if (branch.is_protected) return 'a protected branch';
  return children > 0 ? 'a branch with children' : undefined;
}
