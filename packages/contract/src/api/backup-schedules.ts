import { Type } from 'typebox';
import type { Static } from 'typebox';

const frequencies = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type BackupFrequency = (typeof frequencies)[number];

const HUNDRED_YEARS_SECONDS = 3_155_760_000;

/**
 * When snapshots of a branch are taken, in UTC, at the full hour. `hour` is 0 and `day` and `month`
 * are 1 where they are left out; what a frequency does not need is ignored. `day` counts from Monday
 * in a week; one beyond the end of a month means its last day.
 */
export const BackupScheduleItem = Type.Object({
  frequency: Type.Unsafe<BackupFrequency>(Type.Enum([...frequencies])),
  hour: Type.Optional(Type.Integer({ minimum: 0, maximum: 23 })),
  day: Type.Optional(Type.Integer({ minimum: 1, maximum: 31 })),
  month: Type.Optional(Type.Integer({ minimum: 1, maximum: 12 })),
  /** How long such a snapshot is kept; for ever when left out. */
  retention_seconds: Type.Optional(
    Type.Integer({ minimum: 3_600, maximum: HUNDRED_YEARS_SECONDS }),
  ),
});
export type BackupScheduleItem = Static<typeof BackupScheduleItem>;

/** Body of `PUT …/branches/{branch_id}/backup_schedule`, and what `GET` answers. */
export const BackupSchedule = Type.Object({
  schedule: Type.Array(BackupScheduleItem, { maxItems: 32 }),
});
export type BackupSchedule = Static<typeof BackupSchedule>;
