import { DatabaseError } from 'pg';
import { identifyProcess, sleep } from '@pgfleet/kit';
import type { ProcessIdentity } from '@pgfleet/kit';
import type { AdminConnection } from './admin-connection.ts';
import { rfc3339 } from './backup.ts';
import { ComputeError } from './compute-error.ts';
import { markSynced, readControlFile } from './control-file.ts';
import { findByNamespacePid } from './process-tree.ts';
import {
  makeQuiet,
  PREPARED_TRANSACTIONS,
  silenceSubscriptions,
  targetSettings,
} from './recover-cluster.ts';
import type { RecoveryTarget } from './recover-cluster.ts';
import type { PostgresSettings } from './settings.ts';
import { whileStopped } from './while-stopped.ts';

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

export interface FinishOptions {
  /** As this process sees it. */
  readonly postmasterPid: number;
  readonly signal: AbortSignal;
}

const INTERVAL_MS = 5;
// Whoever is stopped may hold what the statement waits for.
const STOPPED_LIMIT_MS = 100;
/** An SQLSTATE: the recovery is over, or about to be. */
const NOT_IN_PREREQUISITE_STATE = '55000';
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
  return {
    ...settings,
    ...standbyRoom(dataDirectory, settings),
    hot_standby: 'on',
    wal_retrieve_retry_interval: '1h',
  };
}

/** The settings that give a standby room, at least as much as is asked for. */
export function standbyRoom(dataDirectory: string, asked: PostgresSettings): PostgresSettings {
  const last = readControlFile(dataDirectory);
  const needed = {
    max_connections: last.maxConnections,
    max_worker_processes: last.maxWorkerProcesses,
    max_wal_senders: last.maxWalSenders,
    max_prepared_transactions: Math.max(last.maxPreparedTransactions, PREPARED_TRANSACTIONS),
    max_locks_per_transaction: last.maxLocksPerTransaction,
  };
  const raised = Object.entries(needed).map(([name, least]) => {
    const value = Math.max(least, Number(asked[name] ?? 0));
    return [name, String(value)] as const;
  });
  return Object.fromEntries(raised);
}

/**
 * Waits until the target is reached, and opens the cluster for writing; its subscriptions are off
 * before their workers could start.
 *
 * @throws ComputeError `recovery_failed` when there is too little WAL, when it was opened before and
 * nobody can say at which point, or when subscriptions have to be turned off first, which is for
 * {@link recoverCluster}; the signal's reason. The cluster is of no more use then.
 */
export async function finishInPlace(
  connection: AdminConnection,
  options: FinishOptions,
): Promise<Reached> {
  await untilReached(connection, options.signal);
  const reached = await readReached(connection);
  const [active] = await connection.query('SELECT FROM pg_subscription WHERE subenabled LIMIT 1');
  if (active) throw new ComputeError('recovery_failed', 'there are subscriptions to turn off');
  await promote(connection, options);
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
    if (isOver) throw new ComputeError('recovery_failed', 'the recovery was over before');
    if (isPaused) return;
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
// lifted. Which it must not see: whoever leaves the pause otherwise writes the checkpoint, most of a
// second on a busy disk. So it is stopped while the pause is lifted and asked for again, and wakes up
// to find the request.
async function promote(
  connection: AdminConnection,
  { postmasterPid, signal }: FinishOptions,
): Promise<void> {
  if (!(await isInRecovery(connection))) return;
  const startup = await findStartup(connection, postmasterPid);
  await connection.query('SELECT pg_promote(wait => false)');
  while (await isInRecovery(connection)) {
    await sleep(INTERVAL_MS, signal);
    if (startup) await whileStopped(startup, () => wakeStartup(connection), STOPPED_LIMIT_MS);
  }
}

async function isInRecovery(connection: AdminConnection): Promise<boolean> {
  const [row] = await connection.query<{ isInRecovery: boolean }>(
    'SELECT pg_is_in_recovery() AS "isInRecovery"',
  );
  return row!.isInRecovery;
}

async function findStartup(
  connection: AdminConnection,
  postmasterPid: number,
): Promise<ProcessIdentity | undefined> {
  const [row] = await connection.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'",
  );
  const pid = row && findByNamespacePid(postmasterPid, row.pid);
  return pid === undefined ? undefined : identifyProcess(pid);
}

// Refused as soon as the request was seen, which is what it is for.
async function wakeStartup(connection: AdminConnection): Promise<void> {
  await connection.query('SELECT pg_wal_replay_resume(), pg_wal_replay_pause()').catch(asRefusal);
}

function asRefusal(error: unknown): void {
  if (error instanceof DatabaseError && error.code === NOT_IN_PREREQUISITE_STATE) return;
  throw error;
}
