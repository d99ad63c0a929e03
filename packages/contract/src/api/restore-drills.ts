import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, ProjectId } from '../ids.ts';
import type { Shown } from './shown.ts';

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
export const RestoreDrill = Type.Object(
  {
    id: Type.Integer(),
    project_id: Type.Unsafe<ProjectId>(Type.String({ pattern: idPattern })),
    branch_id: Type.Unsafe<BranchId>(Type.String({ pattern: idPattern })),
    at: Type.String({ format: 'date-time', description: 'when it ended' }),
    good: Type.Boolean({ description: 'whether it found no problem' }),
    lsn: Type.Optional(Type.String({ description: 'what was restored: up to here' })),
    timestamp: Type.Optional(
      Type.String({ description: 'where a time was asked for: what was restored, as of then' }),
    ),
    restore_ms: Type.Optional(
      Type.Number({ description: 'from the beginning of the restore to the first row' }),
    ),
    recovery_point_seconds: Type.Optional(
      Type.Number({
        description:
          'how far the newest commit that could be restored lay behind the head when it began',
      }),
    ),
    amcheck: Type.Optional(
      Type.Boolean({ description: 'whether pages and indexes were read by amcheck' }),
    ),
    compared: Type.Optional(
      Type.Boolean({
        description:
          'whether a second copy, made in another way, had to have as many rows in every table',
      }),
    ),
    databases: Type.Optional(Type.Integer()),
    relations: Type.Optional(Type.Integer()),
    rows: Type.Optional(Type.Integer()),
    problems: Type.Array(Type.String()),
  },
  { title: 'RestoreDrill' },
);
export type RestoreDrill = Shown<typeof RestoreDrill>;

/** Answer of `POST /pgfleet/…/verify`. */
export const OneRestoreDrill = Type.Object({ restore_drill: RestoreDrill });

/** Answer of `GET /pgfleet/projects/{project_id}/restore_drills`, newest first. */
export const RestoreDrillList = Type.Object({ restore_drills: Type.Array(RestoreDrill) });
export type RestoreDrillList = Shown<typeof RestoreDrillList>;
