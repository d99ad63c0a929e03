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
}

const ACCESS_FILE = 'pg_hba.conf';
const MAX_ACCESS_BYTES = 1024 * 1024;
// A keyword that `all` does not stand for.
const ADMIT_STANDBYS = `local replication ${ADMIN_ROLE} scram-sha-256\n`;
// A primary that sleeps is not to be asked all the time; when it wakes its standbys are told.
const RETRY = '10s';
const REPLAY_INTERVAL_MS = 5;

/** Lets standbys log in to a cluster. Returns whether its instance has to read the rules anew. */
export async function admitStandbys(dataDirectory: string): Promise<boolean> {
  using files = DataDirectory.open(dataDirectory);
  const rules = files.read(ACCESS_FILE, MAX_ACCESS_BYTES).toString();
  if (rules.includes(ADMIT_STANDBYS)) return false;
  await files.replace(ACCESS_FILE, `${rules.trimEnd()}\n${ADMIT_STANDBYS}`);
  return true;
}

/** Has an instance read its rules of access and its settings anew. */
export async function reload(connection: AdminConnection): Promise<void> {
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

/** Asks a standby whether it follows its primary. */
export async function readFollowing(connection: AdminConnection): Promise<Following> {
  const [following] = await connection.query<Following & Record<string, unknown>>(
    `SELECT pg_get_wal_replay_pause_state() = 'paused' AS "isStuck",
      EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS "isStreaming"`,
  );
  return following!;
}
