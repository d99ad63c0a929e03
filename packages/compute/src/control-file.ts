import { join } from 'node:path';
import { ComputeError } from './compute-error.ts';
import { readDataFile } from './read-data-file.ts';

// DBState in src/include/catalog/pg_control.h, in its order.
const clusterStates = [
  'starting_up',
  'shut_down',
  'shut_down_in_recovery',
  'shutting_down',
  'in_crash_recovery',
  'in_archive_recovery',
  'in_production',
] as const;

/** The state of a cluster as its control file records it. */
export type ClusterState = (typeof clusterStates)[number];

export interface ControlFile {
  readonly systemIdentifier: bigint;
  readonly state: ClusterState;
  readonly checkpointLsn: bigint;
  readonly redoLsn: bigint;
  /** Postgres' timeline number, which is not pgfleet's timeline id. */
  readonly timelineNumber: number;
}

// pg_control_version: 1300 for Postgres 13 to 16, then 1700 and 1800.
// Up to and with the timeline number.
const FIRST_FIELDS_BYTES = 52;
const KNOWN_VERSIONS: readonly number[] = [1300, 1700, 1800];

/**
 * Reads `global/pg_control` of Postgres 14 to 18 without starting anything.
 *
 * The layout is `struct ControlFileData` in src/include/catalog/pg_control.h, of which these first
 * fields have not moved; numbers are in the machine's byte order, which is little-endian.
 *
 * @throws ComputeError `installation_unusable` when the file is of another version.
 */
export function readControlFile(dataDirectory: string): ControlFile {
  const bytes = readDataFile(join(dataDirectory, 'global', 'pg_control'), FIRST_FIELDS_BYTES);
  const isComplete = bytes.length === FIRST_FIELDS_BYTES;
  const state = isComplete ? clusterStates[bytes.readUInt32LE(16)] : undefined;
  if (state === undefined || !KNOWN_VERSIONS.includes(bytes.readUInt32LE(8))) {
    throw new ComputeError('installation_unusable', 'the control file is of an unknown version');
  }
  return {
    systemIdentifier: bytes.readBigUInt64LE(0),
    state,
    checkpointLsn: bytes.readBigUInt64LE(32),
    redoLsn: bytes.readBigUInt64LE(40),
    timelineNumber: bytes.readUInt32LE(48),
  };
}

/** Says whether the cluster at rest was stopped cleanly, so that it starts without recovery. */
export function wasCleanShutdown(dataDirectory: string): boolean {
  return readControlFile(dataDirectory).state === 'shut_down';
}
