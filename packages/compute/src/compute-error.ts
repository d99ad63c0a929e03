/** What went wrong below a compute; callers branch on this, never on the message. */
export type ComputeErrorCode =
  | 'installation_missing'
  | 'installation_unusable'
  | 'sandbox_unavailable'
  | 'timeline_locked'
  | 'initdb_failed'
  | 'instance_start_failed'
  | 'instance_start_timeout'
  | 'instance_stop_timeout'
  | 'socket_path_too_long'
  | 'admin_login_failed'
  /** A file of a data directory is torn, or is no file: it cannot be trusted. */
  | 'data_directory_damaged'
  /** Replay met something that it cannot go on from, or the end of the WAL before its target. */
  | 'recovery_failed'
  /** Postgres says no to a change of a role or a database, and will the next time; the message tells why. */
  | 'change_refused'
  /** Masking rules cannot be followed; the message tells why, without a value of any row. */
  | 'masking_refused'
  /** Postgres does not accept a value of its configuration file. */
  | 'settings_refused'
  /** A catalogue is so large that looking for mistakes in it took too long. */
  | 'analysis_too_slow'
  | 'pg_dump_missing'
  | 'schema_dump_failed'
  | 'schema_restore_failed';

/** An error of this package: the message is safe for clients, private detail is in `cause`. */
export class ComputeError extends Error {
  override readonly name = 'ComputeError';
  readonly code: ComputeErrorCode;

  constructor(code: ComputeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
