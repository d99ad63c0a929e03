/** The state of a cluster as its control file records it (`DBState`, pg_control.h). */
export type ClusterState =
  | 'starting_up'
  | 'shut_down'
  | 'shut_down_in_recovery'
  | 'shutting_down'
  | 'in_crash_recovery'
  | 'in_archive_recovery'
  | 'in_production';

export interface ControlFile {
  readonly systemIdentifier: bigint;
  readonly state: ClusterState;
  readonly checkpointLsn: bigint;
  readonly redoLsn: bigint;
  /** Postgres' timeline number, which is not pgfleet's timeline id. */
  readonly timelineNumber: number;
}

/** Reads `global/pg_control` of Postgres 14 to 18 without starting anything. */
export function readControlFile(_dataDirectory: string): ControlFile {
  throw new Error('not yet');
}

/** Says whether the cluster at rest was stopped cleanly, so that it starts without recovery. */
export function wasCleanShutdown(_dataDirectory: string): boolean {
  throw new Error('not yet');
}
