import { DatabaseError } from 'pg';
import type { AdminConnection } from './admin-connection.ts';
import { AdminConnection as Admin } from './admin-connection.ts';
import { ComputeError } from './compute-error.ts';
import type { ControlFile } from './control-file.ts';
import { readControlFile } from './control-file.ts';
import { DataDirectory } from './data-directory.ts';
import type { PostgresSettings } from './settings.ts';
import { startInstance } from './start-instance.ts';
import type { StartInstanceOptions } from './start-instance.ts';
import { rfc3339 } from './backup.ts';

/**
 * Where a recovery ends: before the first record that begins at or beyond an LSN, or before the first
 * commit record later than a time. There must be such a record, see `markHead`.
 */
export type RecoveryTarget =
  | { readonly kind: 'lsn'; readonly lsn: string }
  | { readonly kind: 'time'; readonly at: string };

export interface RecoverClusterOptions<T> extends Omit<StartInstanceOptions, 'limitGroup'> {
  readonly target: RecoveryTarget;
  /** Postgres' timeline number that the target is on; that of the image when left out. */
  readonly timelineNumber?: number;
  /** `cloud_admin`'s possible secrets in the cluster. */
  readonly secrets: readonly string[];
  /** Work inside the recovered cluster before anybody else gets in. */
  readonly prepare: (connection: AdminConnection) => Promise<T>;
}

export interface RecoveredCluster<T> {
  /** The end of the last record that was replayed; as `pg_lsn` writes it. */
  readonly lsn: string;
  /** When the last transaction that was replayed committed; null when none was. */
  readonly lastCommitAt: string | null;
  readonly prepared: T;
}

/** Room for prepared transactions during a recovery, however few the cluster may have. */
export const PREPARED_TRANSACTIONS = 256;
const START_TIMEOUT_MS = 600_000;
// Severities are translated, SQLSTATEs are not: `%e` tells what ended a recovery.
const LOG_LINE_PREFIX = '%m [%p] %e ';
const LOGGED_STATE = /\[\d+\] ([0-9A-Z]{5}) /g;
// Success, warnings, a lack of resources, and interventions say nothing about what was replayed.
const PASSING_STATE = /^(00|01|53|57)/;
const LITTER = ['postmaster.pid', 'postmaster.opts', 'standby.signal'];

/**
 * Turns a clone of a point of history, with the WAL behind it in `pg_wal`, into a cluster at rest as
 * of a target, and leaves it cleanly stopped. What it wrote is not synced: its file system has to be
 * before anybody relies on it.
 *
 * Postgres comes out of this on a new timeline number. Nobody but `prepare` can connect meanwhile:
 * logical replication does not run, and slots of the source are gone.
 *
 * @throws ComputeError `recovery_failed` when the image or the WAL does not lead to the target, which
 * it will not the next time either; whatever else {@link startInstance} throws.
 */
export async function recoverCluster<T>(
  options: RecoverClusterOptions<T>,
): Promise<RecoveredCluster<T>> {
  await makeQuiet(options.dataDirectory, 'recovery.signal');
  const limits = readControlFile(options.dataDirectory);
  const instance = await startInstance({
    timeoutMs: START_TIMEOUT_MS,
    ...options,
    settings: { ...options.settings, ...recoverySettings(options, limits) },
  }).catch((error: unknown) => {
    throw isDeadEnd(error) ? deadEnd(error) : error;
  });
  try {
    return await work(options);
  } catch (error) {
    throw instance.isAlive() || isInternal(error) ? error : ended(error);
  } finally {
    await instance.stop('fast');
  }
}

// SQLSTATE class XX: Postgres says itself what it met.
function isInternal(error: unknown): boolean {
  return error instanceof DatabaseError && error.code?.startsWith('XX') === true;
}

// Killed from outside, a connection only tells that it is lost.
function ended(cause: unknown): ComputeError {
  return new ComputeError('instance_start_failed', 'postgres ended while it was prepared', {
    cause,
  });
}

function isDeadEnd(error: unknown): error is ComputeError {
  if (!(error instanceof ComputeError) || error.code !== 'instance_start_failed') return false;
  const log = error.cause instanceof Error ? error.cause.message : '';
  return [...log.matchAll(LOGGED_STATE)].some(([, state = '']) => !PASSING_STATE.test(state));
}

function deadEnd({ cause }: ComputeError): ComputeError {
  return new ComputeError('recovery_failed', 'the recovery did not reach its target', { cause });
}

async function work<T>(options: RecoverClusterOptions<T>): Promise<RecoveredCluster<T>> {
  const { socketDirectory, secrets, signal, prepare } = options;
  await using connection = await Admin.open({
    socketDirectory,
    secrets,
    ...(signal && { signal }),
  });
  const [reached] = await connection.query<{ lsn: string; lastCommitAt: string | null }>(
    `SELECT pg_last_wal_replay_lsn()::text AS lsn,
      ${rfc3339('pg_last_xact_replay_timestamp()')} AS "lastCommitAt"`,
  );
  await silenceSubscriptions(connection);
  return { ...reached!, prepared: await prepare(connection) };
}

/**
 * Takes away what a copy must not have of its source: its slots, which only the source's consumers
 * know, and what a running Postgres leaves behind. Then asks for a recovery.
 */
export async function makeQuiet(
  dataDirectory: string,
  request: 'recovery.signal' | 'standby.signal',
): Promise<void> {
  using files = DataDirectory.open(dataDirectory);
  for (const name of LITTER) await files.remove(name);
  for (const name of ['pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_stat_tmp']) {
    await files.clear(name);
  }
  await files.write(request, '');
}

/**
 * Stops subscriptions from doing anything, in all databases: two clusters with the same subscription
 * would take each other's changes, and dropping it in one would drop the slot of the other.
 */
export async function silenceSubscriptions(connection: AdminConnection): Promise<void> {
  await connection.script([
    'UPDATE pg_subscription SET subenabled = false, subslotname = NULL WHERE subenabled OR subslotname IS NOT NULL',
  ]);
}

type RecoveryAim = Pick<RecoverClusterOptions<unknown>, 'target' | 'timelineNumber' | 'settings'>;

// A recovery fails at a prepared transaction that finds no room. How much the cluster had when it
// wrote the WAL is known only for its image.
function recoverySettings(
  { target, timelineNumber, settings }: RecoveryAim,
  { maxPreparedTransactions }: ControlFile,
): PostgresSettings {
  const asked = Number(settings['max_prepared_transactions'] ?? 0);
  const room = Math.max(asked, maxPreparedTransactions, PREPARED_TRANSACTIONS);
  return {
    ...targetSettings(target),
    log_line_prefix: LOG_LINE_PREFIX,
    recovery_target_action: 'promote',
    recovery_target_timeline: timelineNumber === undefined ? 'current' : String(timelineNumber),
    // All WAL is in place; Postgres insists on a command all the same.
    restore_command: 'false',
    hot_standby: 'off',
    // Syncing everything once is cheaper than syncing what recovery happens to write, when it does.
    fsync: 'off',
    max_logical_replication_workers: '0',
    autovacuum: 'off',
    max_prepared_transactions: String(room),
  };
}

// What is given on the command line is read before Postgres knows time zones by letters.
function asPostgres(at: string): string {
  return at.replace('T', ' ').replace('Z', '+00');
}

/** The settings that name a target. */
export function targetSettings(target: RecoveryTarget): PostgresSettings {
  return target.kind === 'lsn'
    ? { recovery_target_lsn: target.lsn, recovery_target_inclusive: 'off' }
    : { recovery_target_time: asPostgres(target.at), recovery_target_inclusive: 'on' };
}
