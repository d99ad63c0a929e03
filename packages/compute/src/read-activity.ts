import { ADMIN_ROLE, type AdminConnection } from './admin-connection.ts';

/** What tenants are doing on an instance at this moment. */
export interface Activity {
  /** Connections that run a statement or hold a transaction open. */
  readonly busyBackends: number;
  /** Connections that stream WAL, physical or logical. */
  readonly walSenders: number;
  /** All client connections of tenants, WAL senders left out. */
  readonly clientBackends: number;
  /** When one of the client connections last began or ended a statement. */
  readonly lastActivityAt: Date | null;
}

/** Counts what tenants are doing; pgfleet's own connections do not count. */
export async function readActivity(connection: AdminConnection): Promise<Activity> {
  const [activity] = await connection.query<Activity & Record<string, unknown>>(
    `SELECT
        count(*) FILTER (WHERE is_client AND state <> 'idle')::int AS "busyBackends",
        count(*) FILTER (WHERE NOT is_client)::int AS "walSenders",
        count(*) FILTER (WHERE is_client)::int AS "clientBackends",
        max(state_change) FILTER (WHERE is_client) AS "lastActivityAt"
      FROM (SELECT *, backend_type = 'client backend' AS is_client FROM pg_stat_activity) AS all_backends
      WHERE backend_type IN ('client backend', 'walsender') AND usename IS DISTINCT FROM $1`,
    [ADMIN_ROLE],
  );
  return activity!;
}
