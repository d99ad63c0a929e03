import { banksOf, integer, integerOrZero, MAX_INTEGER, real } from './number-shape.ts';
import { bool, changedIn, oneOf } from './setting-shape.ts';
import type { SettingShape } from './setting-shape.ts';

// Two segments, of 16 MB each.
const MIN_WAL_MB = 32;

/*
 * Postgres sets memory aside for as many locks as all its processes and prepared transactions may hold
 * together. The largest of all these numbers take two thirds of the memory of the smallest compute.
 */
const MAX_PROCESSES = 256;

function slruBuffers(min: number): SettingShape {
  return { ...banksOf(16, min, 16_384), restart: true, since: 17 };
}

/** Settings that say what Postgres spends on memory, workers, vacuum, WAL and replication. */
export const serverSettings: Readonly<Record<string, SettingShape>> = {
  // Connections
  client_connection_check_interval: integer(0, MAX_INTEGER, 'ms'),
  // Memory
  autovacuum_work_mem: integer(-1, MAX_INTEGER, 'kB'),
  commit_timestamp_buffers: slruBuffers(0),
  hash_mem_multiplier: real(1, 1000),
  logical_decoding_work_mem: integer(64, MAX_INTEGER, 'kB'),
  maintenance_work_mem: integer(1024, MAX_INTEGER, 'kB'),
  max_prepared_transactions: { ...integer(0, 1000), restart: true },
  multixact_member_buffers: slruBuffers(16),
  multixact_offset_buffers: slruBuffers(16),
  notify_buffers: slruBuffers(16),
  serializable_buffers: slruBuffers(16),
  subtransaction_buffers: slruBuffers(0),
  temp_buffers: integer(100, 1_073_741_823, '8kB'),
  transaction_buffers: slruBuffers(0),
  vacuum_buffer_usage_limit: { ...integerOrZero(128, 16_777_216, 'kB'), since: 16 },
  work_mem: integer(64, MAX_INTEGER, 'kB'),
  // Disk and I/O
  backend_flush_after: integer(0, 256, '8kB'),
  effective_io_concurrency: integer(0, 1000),
  io_combine_limit: { ...integer(1, 32, '8kB'), since: 17 },
  io_workers: { ...integer(1, 32), since: 18 },
  maintenance_io_concurrency: integer(0, 1000),
  temp_file_limit: integer(-1, MAX_INTEGER, 'kB'),
  // Background writer
  bgwriter_delay: integer(10, 10_000, 'ms'),
  bgwriter_flush_after: integer(0, 256, '8kB'),
  bgwriter_lru_maxpages: integer(0, 1_073_741_823),
  bgwriter_lru_multiplier: real(0, 10),
  // Workers
  max_parallel_maintenance_workers: integer(0, 1024),
  max_parallel_workers: integer(0, 1024),
  max_parallel_workers_per_gather: integer(0, 1024),
  max_worker_processes: { ...integer(0, MAX_PROCESSES), restart: true },
  parallel_leader_participation: bool,
  // Locks
  deadlock_timeout: integer(1, MAX_INTEGER, 'ms'),
  max_locks_per_transaction: { ...integer(10, 1024), restart: true },
  max_pred_locks_per_page: integer(0),
  max_pred_locks_per_relation: integer(-2_147_483_648),
  max_pred_locks_per_transaction: { ...integer(10, 256), restart: true },
  // Statistics
  compute_query_id: oneOf('auto', 'regress', 'on', 'off'),
  stats_fetch_consistency: { ...oneOf('none', 'cache', 'snapshot'), since: 15 },
  track_activity_query_size: { ...integer(100, 65_536, 'B'), restart: true },
  track_cost_delay_timing: { ...bool, since: 18 },
  track_functions: oneOf('none', 'pl', 'all'),
  track_io_timing: bool,
  track_wal_io_timing: bool,
  // Vacuum
  autovacuum: bool,
  autovacuum_analyze_scale_factor: real(0, 100),
  autovacuum_analyze_threshold: integer(0),
  autovacuum_freeze_max_age: { ...integer(100_000, 2_000_000_000), restart: true },
  autovacuum_max_workers: { ...integer(1, MAX_PROCESSES), restart: 17 },
  autovacuum_multixact_freeze_max_age: { ...integer(10_000, 2_000_000_000), restart: true },
  autovacuum_naptime: integer(1, 2_147_483, 's'),
  autovacuum_vacuum_cost_delay: real(-1, 100, 'ms'),
  autovacuum_vacuum_cost_limit: integer(-1, 10_000),
  autovacuum_vacuum_insert_scale_factor: real(0, 100),
  autovacuum_vacuum_insert_threshold: integer(-1),
  autovacuum_vacuum_max_threshold: { ...integer(-1), since: 18 },
  autovacuum_vacuum_scale_factor: real(0, 100),
  autovacuum_vacuum_threshold: integer(0),
  autovacuum_worker_slots: { ...integer(1, MAX_PROCESSES), restart: true, since: 18 },
  vacuum_cost_delay: real(0, 100, 'ms'),
  vacuum_cost_limit: integer(1, 10_000),
  vacuum_cost_page_dirty: integer(0, 10_000),
  vacuum_cost_page_hit: integer(0, 10_000),
  vacuum_cost_page_miss: integer(0, 10_000),
  vacuum_failsafe_age: integer(0, 2_100_000_000),
  vacuum_freeze_min_age: integer(0, 1_000_000_000),
  vacuum_freeze_table_age: integer(0, 2_000_000_000),
  vacuum_max_eager_freeze_failure_rate: { ...real(0, 1), since: 18 },
  vacuum_multixact_failsafe_age: integer(0, 2_100_000_000),
  vacuum_multixact_freeze_min_age: integer(0, 1_000_000_000),
  vacuum_multixact_freeze_table_age: integer(0, 2_000_000_000),
  vacuum_truncate: { ...bool, since: 18 },
  // WAL
  checkpoint_completion_target: real(0, 1),
  checkpoint_flush_after: integer(0, 256, '8kB'),
  checkpoint_timeout: integer(30, 86_400, 's'),
  commit_delay: integer(0, 100_000),
  commit_siblings: integer(0, 1000),
  max_wal_size: integer(MIN_WAL_MB, MAX_INTEGER, 'MB'),
  min_wal_size: integer(MIN_WAL_MB, MAX_INTEGER, 'MB'),
  synchronous_commit: oneOf('local', 'remote_write', 'remote_apply', 'on', 'off'),
  wal_buffers: { ...integer(-1, 16_384, '8kB'), restart: true },
  // PGLZ is what every build has.
  wal_compression: changedIn(15, bool, oneOf('pglz', 'on', 'off')),
  wal_skip_threshold: integer(0, MAX_INTEGER, 'kB'),
  wal_writer_delay: integer(1, 10_000, 'ms'),
  wal_writer_flush_after: integer(0, MAX_INTEGER, '8kB'),
  // Replication
  idle_replication_slot_timeout: { ...integer(0, MAX_INTEGER, 's'), since: 18 },
  max_active_replication_origins: { ...integer(0, 1000), restart: true, since: 18 },
  max_logical_replication_workers: { ...integer(0, 1000), restart: true },
  max_parallel_apply_workers_per_subscription: { ...integer(0, 1024), since: 16 },
  max_replication_slots: { ...integer(0, 1000), restart: true },
  max_slot_wal_keep_size: integer(-1, MAX_INTEGER, 'MB'),
  max_sync_workers_per_subscription: integer(0, 262_143),
  max_wal_senders: { ...integer(0, MAX_PROCESSES), restart: true },
  track_commit_timestamp: { ...bool, restart: true },
  wal_sender_timeout: integer(0, MAX_INTEGER, 'ms'),
  // Libraries
  'auto_explain.log_analyze': bool,
  'auto_explain.log_buffers': bool,
  'auto_explain.log_format': oneOf('text', 'xml', 'json', 'yaml'),
  'auto_explain.log_level': oneOf(
    'debug5',
    'debug4',
    'debug3',
    'debug2',
    'debug1',
    'info',
    'notice',
    'warning',
    'log',
  ),
  'auto_explain.log_min_duration': integer(-1, MAX_INTEGER, 'ms'),
  'auto_explain.log_nested_statements': bool,
  'auto_explain.log_parameter_max_length': integer(-1, MAX_INTEGER, 'B'),
  'auto_explain.log_settings': bool,
  'auto_explain.log_timing': bool,
  'auto_explain.log_triggers': bool,
  'auto_explain.log_verbose': bool,
  'auto_explain.log_wal': bool,
  'auto_explain.sample_rate': real(0, 1),
  'pg_prewarm.autoprewarm': { ...bool, restart: true },
  'pg_prewarm.autoprewarm_interval': integer(0, 2_147_483, 's'),
  'pg_stat_statements.max': { ...integer(100, 100_000), restart: true },
  'pg_stat_statements.save': bool,
  'pg_stat_statements.track': oneOf('none', 'top', 'all'),
  'pg_stat_statements.track_planning': bool,
  'pg_stat_statements.track_utility': bool,
};
