import { ComputeError } from './compute-error.ts';
import { crc32c } from './crc32c.ts';
import { DataDirectory } from './data-directory.ts';

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
  /** Settings the cluster last ran with: with less, an instance does not replay its WAL. */
  readonly maxConnections: number;
  readonly maxWorkerProcesses: number;
  readonly maxWalSenders: number;
  readonly maxPreparedTransactions: number;
  readonly maxLocksPerTransaction: number;
  readonly walSegmentBytes: number;
  /** Whether pages carry checksums. */
  readonly dataChecksums: boolean;
}

const NAME = 'global/pg_control';
/**
 * Where the checksum stands, by pg_control_version: 1300 for Postgres 13 to 16, then 1700 and 1800,
 * which put default_char_signedness before it.
 */
const CRC_OFFSETS: Readonly<Record<number, number>> = { 1300: 288, 1700: 288, 1800: 292 };
const FIELDS_BYTES = 296;
const FILE_BYTES = 8192;
const STATE_OFFSET = 16;
// Postgres may be writing it; that takes microseconds, so a second look in a row is a torn file.
const LOOKS = 5;

/**
 * Reads `global/pg_control` of Postgres 14 to 18, also while it runs.
 *
 * The layout is `struct ControlFileData` in src/include/catalog/pg_control.h, whose fields up to
 * the checksum have not moved between these versions; numbers are in the machine's byte order,
 * which is little-endian.
 *
 * @throws ComputeError `installation_unusable` when the file is of another version,
 * `data_directory_damaged` when its checksum is wrong; the system's error when it is missing.
 */
export function readControlFile(dataDirectory: string): ControlFile {
  return parse(readControlBytes(dataDirectory).subarray(0, FIELDS_BYTES));
}

/** The file as it is, whole if it can be had so, also while Postgres writes it. */
export function readControlBytes(dataDirectory: string): Buffer {
  using directory = DataDirectory.open(dataDirectory);
  for (let look = 1; look < LOOKS; look++) {
    const bytes = directory.read(NAME, FILE_BYTES);
    if (isWhole(bytes)) return bytes;
  }
  return directory.read(NAME, FILE_BYTES);
}

/** Says whether the cluster at rest was stopped cleanly, so that it starts without recovery. */
export function wasCleanShutdown(dataDirectory: string): boolean {
  return readControlFile(dataDirectory).state === 'shut_down';
}

/**
 * Spares the start of a recovery the sync of every file of a data directory, which Postgres does unless
 * its last end was a clean one: says that it was, within a recovery. Only for a copy of a running
 * cluster that is on the disk as a whole already and has a `backup_label`, from which everything else
 * that a recovery wants to know is taken.
 */
export async function markSynced(dataDirectory: string): Promise<void> {
  using directory = DataDirectory.open(dataDirectory);
  const bytes = directory.read(NAME, FILE_BYTES);
  if (parse(bytes.subarray(0, FIELDS_BYTES)).state === 'shut_down') return;
  bytes.writeUInt32LE(clusterStates.indexOf('shut_down_in_recovery'), STATE_OFFSET);
  const offset = crcOffset(bytes)!;
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, offset)), offset);
  await directory.write(NAME, bytes);
}

function parse(bytes: Buffer): ControlFile {
  if (bytes.length === FIELDS_BYTES && crcOffset(bytes) === undefined) {
    throw new ComputeError('installation_unusable', 'the control file is of an unknown version');
  }
  const state = isWhole(bytes) ? clusterStates[bytes.readUInt32LE(STATE_OFFSET)] : undefined;
  if (state === undefined) {
    throw new ComputeError('data_directory_damaged', 'the control file is damaged');
  }
  return {
    systemIdentifier: bytes.readBigUInt64LE(0),
    state,
    checkpointLsn: bytes.readBigUInt64LE(32),
    redoLsn: bytes.readBigUInt64LE(40),
    timelineNumber: bytes.readUInt32LE(48),
    maxConnections: bytes.readInt32LE(180),
    maxWorkerProcesses: bytes.readInt32LE(184),
    maxWalSenders: bytes.readInt32LE(188),
    maxPreparedTransactions: bytes.readInt32LE(192),
    maxLocksPerTransaction: bytes.readInt32LE(196),
    walSegmentBytes: bytes.readUInt32LE(228),
    dataChecksums: bytes.readUInt32LE(252) > 0,
  };
}

function isWhole(bytes: Buffer): boolean {
  if (bytes.length < FIELDS_BYTES) return false;
  const offset = crcOffset(bytes);
  return offset !== undefined && crc32c(bytes.subarray(0, offset)) === bytes.readUInt32LE(offset);
}

function crcOffset(bytes: Buffer): number | undefined {
  return CRC_OFFSETS[bytes.readUInt32LE(8)];
}
