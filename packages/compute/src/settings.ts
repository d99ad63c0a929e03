/** Postgres settings by name, as they stand on the right of `name=value`. */
export type PostgresSettings = Readonly<Record<string, string>>;

/** The range of compute units of an endpoint; 1 CU is one vCPU and 4 GiB. */
export interface ComputeUnits {
  readonly minCu: number;
  readonly maxCu: number;
}

export interface InstanceSize extends ComputeUnits {
  readonly major: number;
  /** `wal_level=logical`. */
  readonly logicalReplication?: boolean;
  /** Libraries of the installation for `shared_preload_libraries`, in this order. */
  readonly preloadLibraries?: readonly string[];
  /** The tenant's own settings, already checked; they never replace what pgfleet relies on. */
  readonly tenant?: PostgresSettings;
  /** What the host knows better, for example about its volume or a recovery: wins over the rest. */
  readonly override?: PostgresSettings;
}

/** The settings of an instance, by how long they last. */
export interface InstanceSettings {
  /**
   * For the command line, where no file and no `ALTER SYSTEM` of a tenant overrides them: they last as
   * long as the instance runs.
   */
  readonly fixed: PostgresSettings;
  /** For `LiveSettings`, which tells them to a running instance anew. */
  readonly changeable: PostgresSettings;
}

const MEBIBYTE = 1024 * 1024;
const CU_MEMORY_BYTES = 4096 * MEBIBYTE;
const CONNECTIONS_PER_CU = 419.65;
// Its largest value: WAL is taken away by the host alone, once it is kept. With `archive_mode=on`,
// the usual way to make Postgres wait, every clean stop ends a segment: 16 MB for each suspend.
const KEEP_ALL_WAL = '2147483647';
const MAX_CONNECTIONS = 4000;
const MIN_CONNECTIONS = 100;
// 64 for each of 100 connections.
const DEFAULT_PREDICATE_LOCKS = 6400;
// What would lock pgfleet out, take the server elsewhere, or fill the host's log; what follows the
// size; and whatever is no name at all, since a name ends at the first `=`.
const RESERVED =
  /^(log_|debug_|trace_|unix_socket_|ssl|.*_file$|.*_director(y|ies)$|.*_command$|reserved_connections$|transaction_timeout$|authentication_timeout$|shared_(buffers|preload_libraries)$|dynamic_library_path$|jit_provider$|synchronous_standby_names$|.*[^a-z0-9_.]|$)/;

/** What every instance runs with, whatever its size: pgfleet's own database as well. */
export const baseSettings: PostgresSettings = {
  listen_addresses: '',
  port: '5432',
  password_encryption: 'scram-sha-256',
  // Asking for huge pages and not getting them costs a millisecond of every start.
  huge_pages: 'off',
  // The log is the host's: statements and tenants' errors, with what they quote, stay out of it.
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
  log_connections: 'off',
  log_line_prefix: '%m [%p] ',
};

const ownedSettings: PostgresSettings = {
  superuser_reserved_connections: '7',
  wal_keep_size: KEEP_ALL_WAL,
  archive_mode: 'off',
  fsync: 'on',
  full_page_writes: 'on',
};

/**
 * Sizes an instance for its compute units.
 *
 * `shared_buffers` follow the largest size, since they cannot change while Postgres runs, and stay
 * far below the usual quarter of memory: they are most of what a start costs, and the machine's page
 * cache is shared by all computes on it.
 */
export function instanceSettings(size: InstanceSize): InstanceSettings {
  const tenant = tenantSettings(size.tenant);
  const preloaded = size.preloadLibraries?.join(',') ?? '';
  return {
    changeable: {
      max_replication_slots: '10',
      max_wal_senders: '10',
      min_wal_size: '32MB',
      max_wal_size: '1GB',
      // The first write to a page behind a checkpoint logs all of it, and points of history make
      // checkpoints frequent. PGLZ is what every build has.
      wal_compression: 'on',
      idle_in_transaction_session_timeout: '5min',
      ...(canNoticeLostClients(size.major) ? { client_connection_check_interval: '60s' } : {}),
      ...plannerSettings(size),
      ...withoutOwned(tenant),
      ...(preloaded === '' ? {} : { shared_preload_libraries: preloaded }),
    },
    fixed: {
      ...without(startSettings(size), tenant),
      ...baseSettings,
      ...ownedSettings,
      shared_buffers: megabytes(Math.max(16, Math.floor(128 * size.maxCu))),
      max_connections: String(maxConnectionsFor(size)),
      wal_level: size.logicalReplication ? 'logical' : 'replica',
      ...recoverySettings(size),
      ...size.override,
    },
  };
}

/** All settings of an instance, for one that is given them on its command line. */
export function settingsFor(size: InstanceSize): PostgresSettings {
  const { changeable, fixed } = instanceSettings(size);
  return { ...changeable, ...fixed };
}

/**
 * `max_connections` for a range of compute units: Neon's published figures, 104 at a quarter CU,
 * 419 at 1, 4000 from 9 up. The size that counts is the largest, but at most eight times the
 * smallest.
 */
export function maxConnectionsFor({ minCu, maxCu }: ComputeUnits): number {
  const cu = Math.min(maxCu, 8 * minCu);
  if (cu >= 9) return MAX_CONNECTIONS;
  return Math.max(MIN_CONNECTIONS, Math.floor(cu * CONNECTIONS_PER_CU));
}

// The tables of predicate locks are filled in at every start, a fifth of its time with 839
// connections: they are as large as they are by default, whatever the number of connections.
function predicateLocksFor(size: ComputeUnits): number {
  const perTransaction = Math.ceil(DEFAULT_PREDICATE_LOCKS / maxConnectionsFor(size));
  return Math.min(64, Math.max(10, perTransaction));
}

// Replay begins at a checkpoint, and behind one the first change of a page logs all of it: there is
// nothing to read ahead of. Postgres does so all the same, and on a busy disk waits for it.
function recoverySettings({ major }: InstanceSize): PostgresSettings {
  return major >= 15 ? { recovery_prefetch: 'off' } : {};
}

// Postgres takes `FSYNC` and `f-sync` for names as well as it takes `fsync`, and the last one given
// counts; so there must be one spelling for pgfleet's own to replace the tenant's.
function tenantSettings(settings: PostgresSettings = {}): PostgresSettings {
  const named = Object.entries(settings).map(([name, value]) => [canonicalName(name), value]);
  return Object.fromEntries(named.filter(([name]) => !RESERVED.test(name!)));
}

function canonicalName(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

// Without it a backend of a client that is gone goes on; older servers can do it on Linux only.
function canNoticeLostClients(major: number): boolean {
  return process.platform === 'linux' || major >= 15;
}

// What a running instance can take over when its size changes.
function plannerSettings({ maxCu }: InstanceSize): PostgresSettings {
  const memoryMb = Math.floor((maxCu * CU_MEMORY_BYTES) / MEBIBYTE);
  const parallel = Math.max(2, Math.floor(maxCu));
  return {
    effective_cache_size: megabytes(Math.floor(memoryMb * 0.75)),
    work_mem: '4MB',
    maintenance_work_mem: megabytes(Math.min(1024, Math.max(64, Math.floor(memoryMb / 64)))),
    max_parallel_workers: String(parallel),
    max_parallel_workers_per_gather: String(Math.min(4, parallel)),
  };
}

// What only a start can change; a tenant may have a choice of its own.
function startSettings(size: InstanceSize): PostgresSettings {
  return {
    max_worker_processes: String(12 + Math.floor(2 * size.maxCu)),
    max_pred_locks_per_transaction: String(predicateLocksFor(size)),
    ...(size.major >= 18 && size.maxCu < 2 ? { io_method: 'sync' } : {}),
  };
}

function withoutOwned(settings: PostgresSettings): PostgresSettings {
  return without(settings, {
    ...baseSettings,
    ...ownedSettings,
    max_connections: '',
    wal_level: '',
  });
}

function without(settings: PostgresSettings, names: PostgresSettings): PostgresSettings {
  return Object.fromEntries(
    Object.entries(settings).filter(([name]) => !Object.hasOwn(names, name)),
  );
}

function megabytes(count: number): string {
  return `${count}MB`;
}
