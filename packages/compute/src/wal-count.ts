import type { AdminConnection } from './admin-connection.ts';
import { rfc3339 } from './backup.ts';

/*
 * How much WAL a cluster has generated, as its cumulative statistics count it (`pg_stat_wal`). Unlike
 * the distance between two LSNs this leaves out what nobody wrote: the rest of a segment that a
 * backup ends, and where a copy begins. It survives a clean stop; a recovery begins it anew.
 */

/** The bytes of WAL records that a cluster has generated since a moment. */
export interface WalCount {
  readonly bytes: number;
  /** When the count began, RFC 3339; another count has another beginning. */
  readonly since: string;
}

/**
 * Reads the count. What a session wrote is in it when its transaction has ended, up to ten seconds
 * later, and at the latest when the session ends.
 */
export async function readWalCount(connection: AdminConnection): Promise<WalCount> {
  const rows = await connection.query<{ bytes: string; since: string | null }>(
    `SELECT wal_bytes::text AS bytes, ${rfc3339('stats_reset')} AS since FROM pg_stat_wal`,
  );
  return { bytes: Number(rows[0]!.bytes), since: rows[0]!.since ?? '' };
}

/** Reads the count with all that this connection itself wrote before. */
export async function readOwnWalCount(connection: AdminConnection): Promise<WalCount> {
  const flush = `to_regprocedure('pg_stat_force_next_flush()')`;
  const [known] = await connection.query<{ flush: string | null }>(`SELECT ${flush} AS flush`);
  // Postgres 14 sends its statistics away by itself, and does not wait until they have arrived.
  if (known?.flush) await connection.query(`SELECT ${known.flush}`);
  return readWalCount(connection);
}
