import { sql } from 'kysely';

/** What was used in the present calendar month, in UTC, as far as it is metered. */
export interface MonthlyUsage {
  readonly active_seconds: number;
  /** Seconds of one CU. */
  readonly cu_seconds: number;
  readonly bytes_out: number;
  readonly written_bytes: number;
}

/**
 * A lateral subquery with one row: what all branches together used whose rows have such a value,
 * deleted ones included.
 */
export function monthlyUsage(
  column: 'project_id' | 'branch_id',
  value: 'projects.id' | 'p.id' | 'branches.id',
) {
  return sql<MonthlyUsage>`(
    select coalesce(sum(active_seconds), 0) as active_seconds,
      coalesce(sum(cu_seconds), 0) as cu_seconds, coalesce(sum(bytes_out), 0) as bytes_out,
      coalesce(sum(written_bytes), 0) as written_bytes
    from monthly_usage
    where ${sql.ref(`monthly_usage.${column}`)} = ${sql.ref(value)}
      and month = date_trunc('month', now(), 'UTC'))`;
}
