import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { BranchId, ProjectId } from '../ids.ts';

/* Drills are pgfleet's own: the published contract has nothing like them. */

/** Query of `GET /pgfleet/projects/{project_id}/restore_drills`. */
export const RestoreDrillListQuery = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
});
export type RestoreDrillListQuery = Static<typeof RestoreDrillListQuery>;

/** Body of `POST …/verify`: a random point of the branch's history when none is given. */
export const VerifyBranchRequest = Type.Object({
  lsn: Type.Optional(Type.String()),
  timestamp: Type.Optional(Type.String()),
});
export type VerifyBranchRequest = Static<typeof VerifyBranchRequest>;

/** What a drill found. One that could not even restore has `problems` and no measurements. */
export interface RestoreDrill {
  readonly id: number;
  readonly project_id: ProjectId;
  readonly branch_id: BranchId;
  /** When it ended. */
  readonly at: string;
  /** Whether it found no problem. */
  readonly good: boolean;
  /** What was restored: up to here, and, where a time was asked for, as of then. */
  readonly lsn?: string;
  readonly timestamp?: string;
  /** From the beginning of the restore to the first row. */
  readonly restore_ms?: number;
  /** How far the newest commit that could be restored lay behind the head when it began. */
  readonly recovery_point_seconds?: number;
  /** Whether pages and indexes were read by `amcheck`. */
  readonly amcheck?: boolean;
  /** Whether a second copy, made in another way, had to have as many rows in every table. */
  readonly compared?: boolean;
  readonly databases?: number;
  readonly relations?: number;
  readonly rows?: number;
  readonly problems: readonly string[];
}

/** Answer of `GET /pgfleet/projects/{project_id}/restore_drills`, newest first. */
export interface RestoreDrillList {
  readonly restore_drills: readonly RestoreDrill[];
}
