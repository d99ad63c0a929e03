import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { BranchId, SnapshotId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import type { Branch } from './branches.ts';
import type { Endpoint } from './endpoints.ts';
import type { Operation } from './operations.ts';

const name = Type.String({ minLength: 1, maxLength: 256 });

/** Query of `POST …/branches/{branch_id}/snapshot`: of the head when no point is given. */
export const SnapshotCreateQuery = Type.Object({
  lsn: Type.Optional(Type.String()),
  timestamp: Type.Optional(Type.String()),
  name: Type.Optional(name),
  expires_at: Type.Optional(Type.String()),
});
export type SnapshotCreateQuery = Static<typeof SnapshotCreateQuery>;

/** Body of `PATCH …/snapshots/{snapshot_id}`; `expires_at: null` keeps it for ever. */
export const SnapshotUpdateRequest = Type.Object({
  snapshot: Type.Object({
    name: Type.Optional(name),
    expires_at: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  }),
});
export type SnapshotUpdateRequest = Static<typeof SnapshotUpdateRequest>;

/** Query of `POST …/snapshots/{snapshot_id}/restore`: the old place of the name. */
export const SnapshotRestoreQuery = Type.Object({ name: Type.Optional(name) });
export type SnapshotRestoreQuery = Static<typeof SnapshotRestoreQuery>;

/** Body of `POST …/snapshots/{snapshot_id}/restore`. */
export const SnapshotRestoreRequest = Type.Object({
  name: Type.Optional(name),
  /** The branch to be replaced; the one that the snapshot was taken of when left out. */
  target_branch_id: Type.Optional(Type.String({ pattern: idPattern })),
  finalize_restore: Type.Boolean({ default: false }),
});
export type SnapshotRestoreRequest = Static<typeof SnapshotRestoreRequest>;

/** Body of `POST …/branches/{branch_id}/finalize_restore`: what the replaced branch is called. */
export const FinalizeRestoreRequest = Type.Object({ name: Type.Optional(name) });
export type FinalizeRestoreRequest = Static<typeof FinalizeRestoreRequest>;

/** A snapshot as the API shows it. */
export interface Snapshot {
  readonly id: SnapshotId;
  readonly name: string;
  /** Left out until the snapshot is there, unless it was taken of an LSN. */
  readonly lsn?: string;
  readonly timestamp?: string;
  readonly source_branch_id: BranchId;
  readonly created_at: string;
  readonly expires_at?: string;
  /** False when a schedule took it. */
  readonly manual: boolean;
  /** Bytes of its databases; left out until they were measured. */
  readonly full_size?: number;
}

/** Answer of `POST …/branches/{branch_id}/snapshot`. */
export interface CreatedSnapshot {
  readonly snapshot: Snapshot;
  readonly operations: readonly Operation[];
}

/** Answer of `POST …/snapshots/{snapshot_id}/restore`. */
export interface RestoredSnapshot {
  readonly branch: Branch;
  /** Those that moved to the branch; left out where none did. */
  readonly endpoints?: readonly Endpoint[];
  readonly operations: readonly Operation[];
}
