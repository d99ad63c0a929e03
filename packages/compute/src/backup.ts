import type { AdminConnection } from './admin-connection.ts';

/** A base backup of a running cluster that has begun: its files may be copied now. */
export interface Backup {
  /** Where a recovery from it has to begin; as `pg_lsn` writes it. */
  readonly startLsn: string;
}

/** A base backup that is complete. */
export interface CompleteBackup extends Backup {
  /** A recovery has to get at least here. */
  readonly stopLsn: string;
  /** When that was, by the cluster's clock, in RFC 3339 with microseconds. */
  readonly stoppedAt: string;
  /** What `backup_label` of the copy has to say. */
  readonly label: string;
}

/** An RFC 3339 text of a `timestamptz`, with the microseconds that a `Date` has not. */
export const rfc3339 = (expression: string): string =>
  `to_char(${expression} AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/**
 * Begins a base backup with the low-level API of Postgres: writes a checkpoint as fast as it can,
 * from which the copy will recover. The backup ends with the connection.
 */
export async function beginBackup(connection: AdminConnection, major: number): Promise<Backup> {
  const call =
    major >= 15 ? `pg_backup_start('pgfleet', true)` : `pg_start_backup('pgfleet', true, false)`;
  const [row] = await connection.query<Backup & Record<string, unknown>>(
    `SELECT ${call}::text AS "startLsn"`,
  );
  return row!;
}

/** Ends the backup that {@link beginBackup} began on the same connection. */
export async function endBackup(
  connection: AdminConnection,
  backup: Backup,
  major: number,
): Promise<CompleteBackup> {
  const call = major >= 15 ? 'pg_backup_stop(false)' : 'pg_stop_backup(false, false)';
  const [row] = await connection.query<Omit<CompleteBackup, 'startLsn'> & Record<string, unknown>>(
    `SELECT lsn::text AS "stopLsn", labelfile AS label,
        ${rfc3339('clock_timestamp()')} AS "stoppedAt"
      FROM ${call}`,
  );
  return { ...backup, ...row! };
}
