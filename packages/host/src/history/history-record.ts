import type { WalCount } from '@pgfleet/compute';
import type { LostWindow } from '@pgfleet/contract';

/** A frozen image of a timeline that recoveries begin at. LSNs are as `pg_lsn` writes them. */
export interface PointRecord {
  /** Its tree on the volume: its own, the template's for the very beginning, or a borrowed one. */
  readonly tree: string;
  readonly kind: 'rest' | 'running';
  /** Where replay begins. */
  readonly redoLsn: string;
  /** Replay has to get at least here. */
  readonly consistentLsn: string;
  /** Up to here there is a commit later than {@link at}. */
  readonly endLsn: string;
  /** When it was consistent, RFC 3339: nothing that committed later is inside. */
  readonly at: string;
  /** Content of `backup_label`; null for an image of a cluster at rest. */
  readonly backupLabel: string | null;
  /** How long the clone of a running timeline took. */
  readonly cloneMs?: number;
  /** What its tree had when it was made: one that has another number of bytes now is damaged. */
  readonly content?: PointContent;
}

/** Regular files of a point's tree. */
export interface PointContent {
  readonly files: number;
  readonly bytes: number;
}

/** The last clean stop of a timeline. */
export interface RestMark {
  /** Of its checkpoint: the mark counts as long as the control file names the same one. */
  readonly lsn: string;
  /** Nothing was committed after this but an empty transaction. */
  readonly at: string;
  readonly hasSubscriptions: boolean;
  /** What was written by then, all but for the last checkpoint; absent in what an older host noted. */
  readonly wal?: WalCount;
}

/** Where the history of a copy begins. */
export interface Birth {
  /** Of the checkpoint that it began with. */
  readonly lsn: string;
  readonly at: string;
}

/** What a host knows of the past of one timeline. */
export interface HistoryRecord {
  /** Of a copy; its oldest point may be its source's, and lie before. */
  readonly born?: Birth;
  /** From the oldest to the newest. */
  readonly points: readonly PointRecord[];
  readonly rest: RestMark | null;
  readonly lost: readonly LostWindow[];
  /** Sum of the sizes of the databases; null until it was first measured. */
  readonly logicalBytes: number | null;
}

/** Notes where a history begins: as of now, or as of when that was said before. */
export function withBirth(history: HistoryRecord, lsn: string): HistoryRecord {
  return { ...history, born: { lsn, at: history.born?.at ?? new Date().toISOString() } };
}

export const noHistory: HistoryRecord = { points: [], rest: null, lost: [], logicalBytes: null };
