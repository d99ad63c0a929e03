import { ComputeError, DataDirectory, readControlFile } from '@pgfleet/compute';
import type { RecoveryTarget } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { TimelineId } from '@pgfleet/contract';
import { hasErrorCode } from '@pgfleet/kit';
import { VolumeError } from '@pgfleet/volume';
import { HistoryDamaged } from '../history/history-damaged.ts';
import type { PointRecord } from '../history/history-record.ts';
import { lossAt, lossError } from '../history/lost-window.ts';
import { parseLsn } from '../history/wal-segment.ts';
import { allDone } from '../storage/all-done.ts';
import type { TreeOrder } from '../timelines/made-tree.ts';
import { ownerOf } from '../timelines/owner.ts';
import type { CopyParts } from './copy-parts.ts';
import { inheritPoint } from './inherit-point.ts';
import { measureContent } from './measure-content.ts';
import { DamagedPoint } from './damaged-point.ts';
import { isPointTree } from './point-tree.ts';

// A line of some sixty bytes for each recovery that a cluster and its ancestors went through.
const MAX_HISTORY_BYTES = 1024 * 1024;
const TIMELINE_HISTORY = '.history';
// Where a cluster's files are large, and may be scattered.
const DATA = ['base'];

export interface RecoverySource {
  readonly timelineId: TimelineId;
  readonly target: RecoveryTarget;
  /** The end of the source's WAL; a record beyond the target begins before it. */
  readonly endLsn: string;
  /** What takes long to clone is left out, where it can be had later. */
  readonly leavesData?: boolean;
}

/** A clone of a point with the WAL behind it, ready to be recovered. */
export interface PreparedRecovery {
  readonly base: PointRecord;
  readonly dataDirectory: string;
  /** Postgres' timeline number that the source is on. */
  readonly timelineNumber: number;
  /** Up to here there should be WAL. */
  readonly endLsn: bigint;
  /** From here on there is none; the target may come before it all the same. */
  readonly damage: HistoryDamaged | undefined;
  readonly lacksData: boolean;
}

/**
 * Clones the nearest point before a target that is not known to be damaged, and puts the WAL behind
 * it into place. What is read does not go meanwhile.
 *
 * @throws DamagedPoint; PgfleetError `timeline_not_found`, `point_not_available`, `history_damaged`
 * when the WAL that the point itself needs is.
 */
export function prepareRecovery(
  parts: CopyParts,
  source: RecoverySource & { readonly damaged: ReadonlySet<string> },
  order: TreeOrder,
): Promise<PreparedRecovery> {
  const { histories, timelines } = parts;
  return histories.using(source.timelineId, async () => {
    timelines.ready(source.timelineId);
    const base = await histories.nearest(source.timelineId, { ...source, from: order.from });
    if (!base) throw await unavailable(parts, source);
    try {
      const { uid } = timelines.ready(source.timelineId);
      const lacksData = Boolean(source.leavesData) && mayBeLeft(parts, base);
      const cloning = clonePoint(parts, { base, uid, lacksData }, order);
      await allDone([cloning, inheritPoint(parts, order, base)]);
      const dataDirectory = await cloning;
      const placed = await placeWal(parts, { ...source, base, dataDirectory }, order);
      return { ...placed, lacksData };
    } catch (error) {
      if (!isDamage(error)) throw error;
      throw new DamagedPoint(base, error.message);
    }
  });
}

// A point that is lent stays for as long as it is needed. Where a clone is a snapshot there is nothing to
// be won.
function mayBeLeft({ volume }: Pick<CopyParts, 'volume'>, { tree }: PointRecord): boolean {
  return volume.copyOnWrite && !volume.atomicWhileRunning && isPointTree(tree);
}

async function unavailable(
  { histories }: CopyParts,
  { timelineId, target }: RecoverySource,
): Promise<PgfleetError> {
  const loss = lossAt(await histories.get(timelineId), target);
  return loss ? lossError(loss) : new PgfleetError('point_not_available');
}

interface Chosen extends RecoverySource {
  readonly base: PointRecord;
}

interface PointClone {
  readonly base: PointRecord;
  readonly uid: number | null;
  readonly lacksData?: boolean;
}

/** Clones a point for a new timeline. @throws DamagedPoint when it has not what it had. */
export async function clonePoint(
  { volume }: Pick<CopyParts, 'volume'>,
  { base, uid, lacksData = false }: PointClone,
  { spec, signal }: TreeOrder,
): Promise<string> {
  const copy = spec.timelineId;
  const exclude = lacksData ? DATA : [];
  const options = { ...ownerOf(uid), exclude, ...(signal && { signal }) };
  const { path, content } = await volume.clone(base.tree, copy, options);
  if (!base.content || lacksData) return path;
  const { files, bytes } = content ?? (await measureContent(volume, copy));
  if (files === base.content.files && bytes === base.content.bytes) return path;
  const found = `${files} files with ${bytes} bytes`;
  const expected = `${base.content.files} with ${base.content.bytes}`;
  throw new DamagedPoint(base, `${base.tree} has ${found} instead of ${expected}`);
}

async function placeWal(
  { timelines, histories, walStores }: CopyParts,
  { timelineId, base, dataDirectory, ...source }: Chosen & { readonly dataDirectory: string },
  { signal }: TreeOrder,
): Promise<Omit<PreparedRecovery, 'lacksData'>> {
  using files = DataDirectory.open(dataDirectory);
  await beginAt(files, base);
  const store = await walStores.of(timelineId);
  using live = DataDirectory.open(timelines.dataDirectory(timelineId));
  await bringTimelineHistory(live, files);
  const timelineNumber = await timelineNumberOf(live);
  const endLsn = await histories.endOfReplay(timelineId, source);
  const from = parseLsn(base.redoLsn);
  const damage = await store
    .place({ into: files, live, from, to: endLsn, ...(signal && { signal }) })
    .then(() => undefined, asDamage);
  if (damage && damage.fromLsn <= parseLsn(base.consistentLsn)) throw damage;
  return { base, dataDirectory, timelineNumber, endLsn, damage };
}

/** Has a clone of a point begin at its point, with whatever WAL is put into its `pg_wal` then. */
export async function beginAt(files: DataDirectory, { backupLabel }: PointRecord): Promise<void> {
  await files.clear('pg_wal');
  await files.clear('pg_wal/archive_status');
  if (backupLabel !== null) await files.write('backup_label', backupLabel);
}

// The WAL before the damage is in place, and may be all that the target needs.
function asDamage(error: unknown): HistoryDamaged {
  if (error instanceof HistoryDamaged) return error;
  throw error;
}

// The control file has the number that Postgres was on at its last checkpoint, and none is written when
// a recovery in place goes over to another one.
async function timelineNumberOf(live: DataDirectory): Promise<number> {
  const names = (await live.list('pg_wal')).filter((name) => name.endsWith(TIMELINE_HISTORY));
  const begun = names.map((name) => Number.parseInt(name, 16));
  return Math.max(readControlFile(live.path).timelineNumber, ...begun);
}

// A segment begins with pages of the timeline number before; only these files say that this is right.
async function bringTimelineHistory(live: DataDirectory, files: DataDirectory): Promise<void> {
  for (const name of await live.list('pg_wal')) {
    if (!name.endsWith(TIMELINE_HISTORY)) continue;
    await files.write(`pg_wal/${name}`, live.read(`pg_wal/${name}`, MAX_HISTORY_BYTES));
  }
}

// A control file whose version no Postgres has is torn as well: the source's is known.
const CONTROL_FILE_DAMAGES = ['data_directory_damaged', 'installation_unusable'];

/** Whether a point, or what belongs to it, is damaged or gone. */
export function isDamage(error: unknown): error is Error {
  if (error instanceof ComputeError) return CONTROL_FILE_DAMAGES.includes(error.code);
  if (error instanceof VolumeError && error.code === 'tree_missing') return true;
  return hasErrorCode(error, 'EIO') || hasErrorCode((error as Error).cause, 'EIO');
}
