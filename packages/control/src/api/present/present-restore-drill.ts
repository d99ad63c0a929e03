import type { RestoreDrill } from '@pgfleet/contract';
import { timestamp } from '../../domain/timestamps.ts';
import type { RestoreDrillRow } from '../../store/schema.ts';

/** A drill as the API shows it. */
export function presentRestoreDrill({ report, ...drill }: RestoreDrillRow): RestoreDrill {
  const { problems, at: point } = report;
  return {
    id: drill.id,
    project_id: drill.project_id,
    branch_id: drill.branch_id,
    at: timestamp(drill.at),
    good: drill.is_good,
    ...(report.timelineId === undefined
      ? {}
      : {
          lsn: report.lsn,
          ...(point?.kind === 'time' ? { timestamp: point.at } : {}),
          restore_ms: report.restoreMs,
          recovery_point_seconds: report.recoveryPointSeconds,
          amcheck: report.amcheck,
          // Reports of former versions say nothing about it.
          compared: report.compared ?? false,
          databases: report.databases,
          relations: report.relations,
          rows: report.rows,
        }),
    problems,
  };
}
