import type { AdminConnection } from './admin-connection.ts';
import { rfc3339 } from './backup.ts';

/** The end of a running cluster's WAL at a moment. */
export interface Head {
  /** Every record of what was committed before begins before this; as `pg_lsn` writes it. */
  readonly lsn: string;
  /** The cluster's clock then, in RFC 3339 with microseconds. */
  readonly at: string;
  /** The mark ends here. */
  readonly endLsn: string;
}

/**
 * Reads where the WAL ends and commits an empty transaction behind it, durably.
 *
 * A recovery stops at a target only when it meets a record beyond it; otherwise it fails. Behind this
 * mark every target up to the returned head has one, by LSN and by time.
 */
export async function markHead(connection: AdminConnection): Promise<Head> {
  const [head] = await connection.script<Omit<Head, 'endLsn'> & Record<string, unknown>>([
    `SELECT pg_current_wal_insert_lsn()::text AS lsn, ${rfc3339('clock_timestamp()')} AS at`,
  ]);
  await connection.script([
    'SET LOCAL synchronous_commit = on',
    // A transaction that wrote nothing but its commit record is not flushed, whatever is set.
    `SELECT pg_logical_emit_message(true, 'pgfleet', '')`,
  ]);
  const [end] = await connection.script<Pick<Head, 'endLsn'> & Record<string, unknown>>([
    'SELECT pg_current_wal_flush_lsn()::text AS "endLsn"',
  ]);
  return { ...head!, ...end! };
}
