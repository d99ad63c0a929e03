import { newSnapshotId, newTimelineId } from '@pgfleet/contract';
import type {
  BranchId,
  PointInTime,
  ProjectId,
  SnapshotId,
  TimelineId,
  TimelineSource,
  UserId,
} from '@pgfleet/contract';
import { newOperations } from './new-operation.ts';
import type { NewOperation } from './new-operation.ts';
import { timestamp } from './timestamps.ts';

/** What a snapshot is taken of. */
export interface SnapshotSource {
  readonly branch: {
    readonly id: BranchId;
    readonly project_id: ProjectId;
    readonly timeline_id: TimelineId;
    readonly name: string;
  };
  readonly regionId: string;
  readonly at: PointInTime;
}

export interface SnapshotWish {
  /** The branch and the time when left out. */
  readonly name?: string | undefined;
  /** Null for one that is kept for ever. */
  readonly expiresAt: Date | null;
  /** Null for one that a schedule takes. */
  readonly createdBy: UserId | null;
  readonly now: Date;
}

/** Everything that is inserted for a snapshot. */
export interface NewSnapshot {
  readonly snapshot: {
    readonly id: SnapshotId;
    readonly project_id: ProjectId;
    readonly source_branch_id: BranchId;
    readonly timeline_id: TimelineId;
    readonly name: string;
    readonly lsn: string | null;
    readonly at: string | Date | null;
    readonly is_manual: boolean;
    readonly expires_at: Date | null;
    readonly created_by: UserId | null;
    readonly created_at: Date;
  };
  readonly timeline: {
    readonly id: TimelineId;
    readonly project_id: ProjectId;
    readonly source: TimelineSource & { readonly kind: 'timeline' };
  };
  readonly operations: readonly NewOperation[];
}

/** Decides what a new snapshot is made of: a timeline of its own, cut from the branch's. */
export function planSnapshot(
  { branch, regionId, at }: SnapshotSource,
  { name, expiresAt, createdBy, now }: SnapshotWish,
): NewSnapshot {
  const { id: branchId, project_id: projectId } = branch;
  const id = newSnapshotId(regionId);
  const timelineId = newTimelineId();
  return {
    snapshot: {
      id,
      project_id: projectId,
      source_branch_id: branchId,
      timeline_id: timelineId,
      name: name ?? `${branch.name} at ${timestamp(now)}`,
      lsn: at.kind === 'lsn' ? at.lsn : null,
      at: at.kind === 'time' ? at.at : null,
      is_manual: createdBy !== null,
      expires_at: expiresAt,
      created_by: createdBy,
      created_at: now,
    },
    timeline: {
      id: timelineId,
      project_id: projectId,
      source: { kind: 'timeline', timelineId: branch.timeline_id, at },
    },
    operations: newOperations({ projectId, branchId, timelineId, snapshotId: id }, [
      'create_timeline',
    ]),
  };
}

/** The operation that removes a snapshot from its host. */
export function snapshotRemoval({
  id,
  project_id: projectId,
  source_branch_id: branchId,
  timeline_id: timelineId,
}: Pick<
  NewSnapshot['snapshot'],
  'id' | 'project_id' | 'source_branch_id' | 'timeline_id'
>): NewOperation[] {
  const subject = { projectId, branchId, timelineId, snapshotId: id };
  return newOperations(subject, ['delete_timeline']);
}
