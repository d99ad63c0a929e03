import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { BranchId, SnapshotId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import { Branch } from './branches.ts';
import { Endpoint } from './endpoints.ts';
import { Operation } from './operations.ts';
import type { Shown } from './shown.ts';

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
export const Snapshot = Type.Object(
  {
    id: Type.Unsafe<SnapshotId>(Type.String({ pattern: idPattern })),
    name: Type.String(),
    lsn: Type.Optional(
      Type.String({
        description: 'left out until the snapshot is there, unless it was taken of an LSN',
      }),
    ),
    timestamp: Type.Optional(Type.String()),
    source_branch_id: Type.Unsafe<BranchId>(Type.String({ pattern: idPattern })),
    created_at: Type.String(),
    expires_at: Type.Optional(Type.String()),
    manual: Type.Boolean({ description: 'false when a schedule took it' }),
    full_size: Type.Optional(
      Type.Integer({ description: 'bytes of its databases; left out until they were measured' }),
    ),
  },
  { title: 'Snapshot' },
);
export type Snapshot = Shown<typeof Snapshot>;

/** Answers of the calls that show snapshots. */
export const OneSnapshot = Type.Object({ snapshot: Snapshot });
export const SnapshotList = Type.Object({ snapshots: Type.Array(Snapshot) });

/** Answer of `POST …/branches/{branch_id}/snapshot`. */
export const CreatedSnapshot = Type.Object({
  snapshot: Snapshot,
  operations: Type.Array(Operation),
});
export type CreatedSnapshot = Shown<typeof CreatedSnapshot>;

/** Answer of `POST …/snapshots/{snapshot_id}/restore`. */
export const RestoredSnapshot = Type.Object({
  branch: Branch,
  endpoints: Type.Optional(
    Type.Array(Endpoint, {
      description: 'those that moved to the branch; left out where none did',
    }),
  ),
  operations: Type.Array(Operation),
});
export type RestoredSnapshot = Shown<typeof RestoredSnapshot>;
