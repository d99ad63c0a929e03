import { readControlFile } from '@pgfleet/compute';
import type { PostgresSettings } from '@pgfleet/compute';

/**
 * What turns a cluster at rest into one that can only be read: a standby of nobody, which has all
 * the WAL it will ever have. It needs room for as much as the cluster had when it last ran.
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
    max_prepared_transactions: last.maxPreparedTransactions,
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
