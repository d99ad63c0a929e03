import { sleep } from '@pgfleet/kit';
import { ADMIN_ROLE } from './admin-connection.ts';
import type { AdminConnection } from './admin-connection.ts';
import { ComputeError } from './compute-error.ts';
import { markSynced } from './control-file.ts';
import { DataDirectory } from './data-directory.ts';
import { PASSWORD_FILE } from './primary-conninfo.ts';
import { makeQuiet } from './recover-cluster.ts';
import { standbySettings } from './recover-in-place.ts';
import type { PostgresSettings } from './settings.ts';

/*
 * A hot standby that streams the WAL of a running instance over its Unix socket. It is begun as any
 * copy is: a clone of a cluster at rest, or of a point of history with the WAL behind it.
 * It logs in as `cloud_admin`.
 */

/** How a standby gets on. */
export interface Following {
  /** Whether it streams from its primary. */
  readonly isStreaming: boolean;
  /** Whether it has stopped for good, since its primary has more room than it has. */
  readonly isStuck: boolean;
  /** The end of what it has received, or else of what it has replayed; as `pg_lsn` writes it. */
  readonly lsn: string;
}

// A primary that sleeps is not to be asked all the time; when it wakes its standbys are told.
const RETRY = '10s';
const REPLAY_INTERVAL_MS = 5;

/** Has a standby look for its primary at once, which it does when it reads its settings anew. */
export async function lookForPrimary(connection: AdminConnection): Promise<void> {
  await connection.query('SELECT pg_reload_conf()');
}

/** Turns a clone into a standby that logs in with `cloud_admin`'s secret in the primary. */
export async function prepareFollower(dataDirectory: string, secret: string): Promise<void> {
  await makeQuiet(dataDirectory, 'standby.signal');
  using files = DataDirectory.open(dataDirectory);
  const password = secret.replace(/[\\:]/g, (character) => `\\${character}`);
  await files.write(PASSWORD_FILE, `*:*:*:${ADMIN_ROLE}:${password}\n`);
  await markSynced(dataDirectory);
}

/** What such a standby is started with, on top of its own settings. */
export function followerSettings(
  dataDirectory: string,
  settings: PostgresSettings,
): PostgresSettings {
  return {
    ...standbySettings(dataDirectory, settings),
    wal_retrieve_retry_interval: RETRY,
    wal_receiver_status_interval: '1s',
    // What it has replayed nobody asks it for.
    wal_keep_size: '0',
    wal_recycle: 'off',
  };
}

/**
 * Waits until a standby has replayed what was written before an LSN.
 *
 * @throws ComputeError `recovery_failed` when its primary had more room than it has: a new start gives it
 * as much.
 */
export async function untilReplayed(
  connection: AdminConnection,
  lsn: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const [replay] = await connection.query<{ isThere: boolean; isPaused: boolean }>(
      `SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS "isThere",
        pg_get_wal_replay_pause_state() = 'paused' AS "isPaused"`,
      [lsn],
    );
    if (replay?.isThere) return;
    if (replay?.isPaused) {
      throw new ComputeError('recovery_failed', 'the primary had more room than its standby');
    }
    await sleep(REPLAY_INTERVAL_MS, signal);
  }
}

/** Ends what roles are doing in a standby. */
export async function endSessions(
  connection: AdminConnection,
  roleNames: readonly string[],
): Promise<void> {
  await connection.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY ($1)',
    [roleNames],
  );
}

/** Asks a standby whether it follows its primary. */
export async function readFollowing(connection: AdminConnection): Promise<Following> {
  const [following] = await connection.query<Following & Record<string, unknown>>(
    `SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text AS lsn,
      pg_get_wal_replay_pause_state() = 'paused' AS "isStuck",
      EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS "isStreaming"`,
  );
  return following!;
}
