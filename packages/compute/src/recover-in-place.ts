import { sleep } from '@pgfleet/kit';
import type { AdminConnection } from './admin-connection.ts';
import { rfc3339 } from './backup.ts';
import { ComputeError } from './compute-error.ts';
import { markSynced, readControlFile } from './control-file.ts';
import {
  makeQuiet,
  PREPARED_TRANSACTIONS,
  silenceSubscriptions,
  targetSettings,
} from './recover-cluster.ts';
import type { RecoveryTarget } from './recover-cluster.ts';
import type { PostgresSettings } from './settings.ts';

/*
 * A recovery that goes over into the instance that clients use. It writes no checkpoint before they
 * get in, and needs no sync, no stop and no second start; all of which recoverCluster does.
 *
 * Postgres writes one at the end of an archive recovery, but only a record that the recovery is over
 * when a standby is promoted: a crash behind it replays the same WAL once more. So the image is made a
 * standby that stops at the target, where it can be read, and is promoted there. It runs with fsync
 * on, so from its first answer on it is as durable as any Postgres.
 * See PerformRecoveryXLogAction and recoveryPausesHere in xlog.c and xlogrecovery.c of Postgres.
 */

/** Where a recovery in place ends. */
export interface InPlaceTarget {
  readonly target: RecoveryTarget;
  /** Postgres' timeline number that the target is on. */
  readonly timelineNumber: number;
}

/** What was reached. */
export interface Reached {
  /** The end of the last record that was replayed; as `pg_lsn` writes it. */
  readonly lsn: string;
  /** When the last transaction that was replayed committed; null when none was. */
  readonly lastCommitAt: string | null;
}

const INTERVAL_MS = 5;
/** Where the startup process waits when there is no more WAL, long before it looks again. */
const OUT_OF_WAL = ['RecoveryRetrieveRetryInterval', 'RecoveryWalStream', 'RecoveryWalAll'];

/**
 * Turns a clone of a point of history, with the WAL behind it in `pg_wal`, into such a standby. The
 * clone is on the disk already; what is added to its `pg_wal` the caller syncs.
 */
export async function prepareInPlace(dataDirectory: string): Promise<void> {
  await makeQuiet(dataDirectory, 'standby.signal');
  await markSynced(dataDirectory);
}

/** What an instance is started with for it, on top of its own settings. */
export function inPlaceSettings(
  dataDirectory: string,
  settings: PostgresSettings,
  { target, timelineNumber }: InPlaceTarget,
): PostgresSettings {
  return {
    ...standbySettings(dataDirectory, settings),
    ...targetSettings(target),
    recovery_target_action: 'pause',
    recovery_target_timeline: String(timelineNumber),
  };
}

/**
 * What a standby of nobody needs, which has all the WAL it will ever have: room for as much as the
 * cluster had when it last ran, and had in a recovery at rest that its WAL leads through.
 */
export function standbySettings(
  dataDirectory: string,
  settings: PostgresSettings,
): PostgresSettings {
  const last = readControlFile(dataDirectory);
  const needed = {
    max_connections: last.maxConnections,
    max_worker_processes: last.maxWorkerProcesses,
    max_wal_senders: last.maxWalSenders,
    max_prepared_transactions: Math.max(last.maxPreparedTransactions, PREPARED_TRANSACTIONS),
    max_locks_per_transaction: last.maxLocksPerTransaction,
  };
  const raised = Object.entries(needed).map(([name, least]) => {
    const value = Math.max(least, Number(settings[name] ?? 0));
    return [name, String(value)] as const;
  });
  return {
    ...settings,
    ...Object.fromEntries(raised),
    hot_standby: 'on',
    wal_retrieve_retry_interval: '1h',
  };
}

/**
 * Waits until the target is reached, and opens the cluster for writing; its subscriptions are off
 * before their workers could start.
 *
 * @throws ComputeError `recovery_failed` when there is too little WAL, or when subscriptions have to be
 * turned off first, which is for {@link recoverCluster}; the signal's reason. The cluster is of no
 * more use then.
 */
export async function finishInPlace(
  connection: AdminConnection,
  signal: AbortSignal,
): Promise<Reached> {
  await untilReached(connection, signal);
  const reached = await readReached(connection);
  const [active] = await connection.query('SELECT FROM pg_subscription WHERE subenabled LIMIT 1');
  if (active) throw new ComputeError('recovery_failed', 'there are subscriptions to turn off');
  await promote(connection, signal);
  await silenceSubscriptions(connection);
  return reached;
}

interface Progress {
  readonly isOver: boolean;
  readonly isPaused: boolean;
  readonly isStuck: boolean;
  readonly [column: string]: unknown;
}

async function untilReached(connection: AdminConnection, signal: AbortSignal): Promise<void> {
  let stuckAt: string | undefined;
  for (;;) {
    const [progress] = await connection.query<Progress & { readonly lsn: string }>(
      `SELECT NOT pg_is_in_recovery() AS "isOver",
          pg_is_in_recovery() AND pg_get_wal_replay_pause_state() = 'paused' AS "isPaused",
          EXISTS (SELECT FROM pg_stat_activity
            WHERE backend_type = 'startup' AND wait_event = ANY ($1)) AS "isStuck",
          pg_last_wal_replay_lsn()::text AS lsn`,
      [OUT_OF_WAL],
    );
    const { isOver, isPaused, isStuck, lsn } = progress!;
    if (isOver || isPaused) return;
    if (isStuck && stuckAt === lsn) {
      throw new ComputeError('recovery_failed', 'the WAL ends before the target');
    }
    stuckAt = isStuck ? lsn : undefined;
    await sleep(INTERVAL_MS, signal);
  }
}

async function readReached(connection: AdminConnection): Promise<Reached> {
  const [reached] = await connection.query<Reached & Record<string, unknown>>(
    `SELECT pg_last_wal_replay_lsn()::text AS lsn,
      ${rfc3339('pg_last_xact_replay_timestamp()')} AS "lastCommitAt"`,
  );
  return reached!;
}

// The startup process looks for a request to promote when its sleep of a second ends or the pause is
// lifted. That one is asked for again at once: it must not see the pause gone before the request, or
// it writes the checkpoint. If it does, that is slow and nothing else.
async function promote(connection: AdminConnection, signal: AbortSignal): Promise<void> {
  const isOver = async () => {
    const [row] = await connection.query<{ isOver: boolean }>(
      'SELECT NOT pg_is_in_recovery() AS "isOver"',
    );
    return row!.isOver;
  };
  if (await isOver()) return;
  await connection.query('SELECT pg_promote(wait => false)');
  while (!(await isOver())) {
    await sleep(INTERVAL_MS, signal);
    await wakeStartup(connection);
  }
}

// Refused as soon as the request was seen, which is what it is for.
async function wakeStartup(connection: AdminConnection): Promise<void> {
  await connection.script([
    `DO $$ BEGIN
      PERFORM pg_wal_replay_resume();
      PERFORM pg_wal_replay_pause();
    EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL;
    END $$`,
  ]);
}
