import { applySpec, DataDirectory, recoverCluster } from '@pgfleet/compute';
import type { RecoveryTarget } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { TimelineId } from '@pgfleet/contract';
import { parseLsn } from '../history/wal-segment.ts';
import type { PointRecord } from '../history/history-record.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import { ownerOf } from '../timelines/owner.ts';
import type { TimelineRecord } from '../timelines/timeline-record.ts';
import type { CopyParts } from './copy-parts.ts';
import { dropOldWal } from './drop-old-wal.ts';
import { firstSpec } from '../timelines/first-spec.ts';
import { noteRest, readLastWords } from '../timelines/last-words.ts';
import { withThrowawayPlace } from './throwaway-run.ts';

// A line of some sixty bytes for each recovery that a cluster and its ancestors went through.
const MAX_HISTORY_BYTES = 1024 * 1024;

export interface RecoverySource {
  readonly timelineId: TimelineId;
  readonly target: RecoveryTarget;
  /** The end of the source's WAL; a record beyond the target begins before it. */
  readonly endLsn: string;
}

/**
 * Makes a new timeline's tree by recovery: a clone of the nearest point of history before the
 * target, and the source's WAL from there.
 *
 * The source is only read: its files belong to it, whether it runs or not. Recovery runs with
 * `fsync=off`, so the tree is synced as a whole before anybody relies on it.
 *
 * @throws PgfleetError `point_not_available` without an earlier point, `history_damaged`.
 */
export async function recoverCopy(
  parts: CopyParts,
  source: RecoverySource,
  order: TreeOrder,
): Promise<MadeTree> {
  const { volume, timelines, histories } = parts;
  const { spec, lock, signal } = order;
  const record = timelines.ready(source.timelineId);
  const base = await histories.nearest(source.timelineId, source.target);
  if (!base) throw new PgfleetError('point_not_available');
  const inheritedSecrets = timelines.pastAdminSecrets(record);
  const dataDirectory = await prepareTree(parts, { ...source, base, record }, order);
  const phase = { major: spec.pgMajor, dataDirectory, ...ownerOf(record.uid) };
  const recovered = await withThrowawayPlace(parts, phase, async (place) =>
    recoverCluster({
      ...place,
      ...ownerOf(record.uid),
      view: await parts.builds.view(spec.pgMajor),
      sandbox: parts.sandbox,
      lock,
      dataDirectory,
      target: source.target,
      secrets: inheritedSecrets,
      prepare: async (connection) => {
        await applySpec(connection, await firstSpec(connection, { spec }, order.ownSecret));
        return readLastWords(connection);
      },
      ...(signal && { signal }),
    }),
  );
  await dropOldWal(dataDirectory);
  await noteRest(parts, spec.timelineId, recovered.prepared);
  await volume.sync(spec.timelineId, signal ? { signal } : {});
  const at = source.target.kind === 'time' ? source.target.at : recovered.lastCommitAt;
  return {
    uid: record.uid,
    inheritedSecrets,
    specApplied: true,
    origin: { lsn: recovered.lsn, at: at ?? base.at },
  };
}

interface Preparation extends RecoverySource {
  readonly base: PointRecord;
  readonly record: TimelineRecord;
}

async function prepareTree(
  { volume, timelines, histories, walStores }: CopyParts,
  { timelineId, target, endLsn, base, record }: Preparation,
  { spec, signal }: TreeOrder,
): Promise<string> {
  const dataDirectory = await volume.clone(base.tree, spec.timelineId, {
    ...ownerOf(record.uid),
    ...(signal && { signal }),
  });
  using files = DataDirectory.open(dataDirectory);
  await files.clear('pg_wal');
  await files.clear('pg_wal/archive_status');
  if (base.backupLabel !== null) await files.write('backup_label', base.backupLabel);
  const store = await walStores.of(timelineId);
  using live = DataDirectory.open(timelines.dataDirectory(timelineId));
  await bringTimelineHistory(live, files);
  await store.place({
    into: files,
    live,
    from: parseLsn(base.redoLsn),
    to: await histories.endOfReplay(timelineId, { target, endLsn }),
    ...(signal && { signal }),
  });
  return dataDirectory;
}

// A segment begins with pages of the timeline number before; only these files say that this is right.
async function bringTimelineHistory(live: DataDirectory, files: DataDirectory): Promise<void> {
  for (const name of await live.list('pg_wal')) {
    if (!name.endsWith('.history')) continue;
    await files.write(`pg_wal/${name}`, live.read(`pg_wal/${name}`, MAX_HISTORY_BYTES));
  }
}
