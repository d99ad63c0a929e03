import { newBranchId, newTimelineId } from '@pgfleet/contract';
import type {
  BranchId,
  EndpointId,
  ProjectId,
  SnapshotId,
  TimelineId,
  UserId,
} from '@pgfleet/contract';
import type { DerivedSource } from './new-branch.ts';
import { newOperations, startOperations } from './new-operation.ts';
import type { NewOperation } from './new-operation.ts';

/** A snapshot to be restored, and the branch that it is to replace, named as the columns are. */
export interface SnapshotRestoreSource {
  readonly snapshot: {
    readonly id: SnapshotId;
    readonly timeline_id: TimelineId;
    readonly name: string;
  };
  readonly target: {
    readonly id: BranchId;
    readonly name: string;
    readonly activeEndpointIds: readonly EndpointId[];
  };
  readonly project: { readonly id: ProjectId; readonly region_id: string };
}

/** Everything that the restore of a snapshot inserts, but for roles and databases. */
export interface SnapshotRestore {
  readonly timeline: { readonly id: TimelineId; readonly source: DerivedSource };
  readonly branch: {
    readonly id: BranchId;
    readonly created_by: UserId;
    readonly restored_from: SnapshotId;
    readonly restored_as: BranchId;
    readonly restore_status: 'restored';
  };
  readonly operations: readonly NewOperation[];
}

/**
 * Decides what the restore of a snapshot is made of: a root with the snapshot's data. Where it is
 * final at once, an operation puts the branch in the place of its target as soon as it has data.
 */
export function planSnapshotRestore(
  { snapshot, target, project }: SnapshotRestoreSource,
  { userId, isFinal }: { readonly userId: UserId; readonly isFinal: boolean },
): SnapshotRestore {
  const id = newBranchId(project.region_id);
  const subject = { projectId: project.id, branchId: id };
  return {
    timeline: {
      id: newTimelineId(),
      source: { kind: 'timeline', timelineId: snapshot.timeline_id, at: { kind: 'head' } },
    },
    branch: {
      id,
      created_by: userId,
      restored_from: snapshot.id,
      restored_as: target.id,
      restore_status: 'restored',
    },
    operations: isFinal
      ? [
          ...newOperations(subject, ['create_branch', 'swap_binding_id']),
          ...startOperations(subject, target.activeEndpointIds),
        ]
      : newOperations(subject, ['create_branch']),
  };
}

/** The operations that let a host know of a restore that was made final. */
export function finalizationOperations(
  subject: { readonly projectId: ProjectId; readonly branchId: BranchId },
  activeEndpointIds: readonly EndpointId[],
): NewOperation[] {
  return [
    ...newOperations(subject, ['swap_binding_id']),
    ...startOperations(subject, activeEndpointIds),
  ];
}

/** Names for what a restore leaves, unless the client gives others. */
export const restoreNames = {
  restored: (snapshotName: string) => `${snapshotName} (restored)`,
  replaced: (branchName: string) => `${branchName} (old)`,
} as const;
