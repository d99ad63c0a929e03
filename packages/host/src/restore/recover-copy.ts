import { applySpec, DataDirectory, readControlFile, recoverCluster } from '@pgfleet/compute';
import type { RecoveryTarget } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { TimelineId } from '@pgfleet/contract';
import { HistoryDamaged } from '../history/history-damaged.ts';
import { withLoss } from '../history/lost-window.ts';
import { allDone } from '../storage/all-done.ts';
import { firstSpec } from '../timelines/first-spec.ts';
import { noteRest, readLastWords } from '../timelines/last-words.ts';
import type { LastWords } from '../timelines/last-words.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import { ownerOf } from '../timelines/owner.ts';
import type { CopyParts } from './copy-parts.ts';
import { noteBirth } from './inherit-point.ts';
import { syncTrees } from './sync-trees.ts';
import { DamagedPoint } from './damaged-point.ts';
import { dropOldWal } from './drop-old-wal.ts';
import { dropPoint } from './drop-points.ts';
import { explainFailure } from './explain-failure.ts';
import { prepareRecovery } from './prepare-recovery.ts';
import type { PreparedRecovery, RecoverySource } from './prepare-recovery.ts';
import { withThrowawayPlace } from './throwaway-run.ts';

/**
 * Makes a new timeline's tree by recovery: a clone of the nearest point of history before the
 * target, and the source's WAL from there.
 *
 * The source is only read: its files belong to it, whether it runs or not. Recovery runs with
 * `fsync=off`, so the tree is synced as a whole before anybody relies on it. A point that is damaged
 * is passed over for the one before it; what cannot be restored from any is noted as lost.
 *
 * @throws PgfleetError `point_not_available` without an earlier point, `history_damaged`.
 */
export async function recoverCopy(
  parts: CopyParts,
  source: RecoverySource,
  order: TreeOrder,
): Promise<MadeTree> {
  try {
    return await parts.recoveries.run(() => recoverFromAny(parts, source, order), order.signal);
  } catch (error) {
    // From another point it might still lead there.
    if (error instanceof HistoryDamaged && !order.from)
      await noteLoss(parts, source.timelineId, error);
    throw error;
  }
}

async function recoverFromAny(
  parts: CopyParts,
  source: RecoverySource,
  order: TreeOrder,
): Promise<MadeTree> {
  const damaged = new Set<string>();
  let first: DamagedPoint | undefined;
  for (;;) {
    try {
      const prepared = await prepareRecovery(parts, { ...source, damaged }, order);
      const record = parts.timelines.ready(source.timelineId);
      const inheritedSecrets = parts.timelines.pastAdminSecrets(record);
      const { target } = source;
      return await recover(parts, { target, prepared, uid: record.uid, inheritedSecrets }, order);
    } catch (error) {
      if (!(error instanceof DamagedPoint)) throw first && isDeadEnd(error) ? first.damage : error;
      const fields = { err: error, timeline_id: source.timelineId, tree: error.tree };
      parts.log.error(fields, 'a point of history is damaged');
      first ??= error;
      damaged.add(error.tree);
      await dropPoint(parts, order.spec.timelineId, error.tree);
      await parts.volume.remove(order.spec.timelineId);
    }
  }
}

// There is no earlier point, or it does not lead there either.
function isDeadEnd(error: unknown): boolean {
  if (!(error instanceof PgfleetError)) return false;
  return error.code === 'point_not_available' || error.code === 'history_damaged';
}

export interface Recovery {
  readonly prepared: PreparedRecovery;
  readonly target: RecoveryTarget;
  readonly uid: number | null;
  /** `cloud_admin`'s possible secrets at the target. */
  readonly inheritedSecrets: readonly string[];
}

/** Recovers what is prepared, and leaves it at rest and durable with its specification inside. */
export async function recover(
  parts: CopyParts,
  { prepared, target, uid, inheritedSecrets }: Recovery,
  order: TreeOrder,
): Promise<MadeTree> {
  const { builds, sandbox } = parts;
  const { spec, lock, signal } = order;
  const { dataDirectory, base } = prepared;
  const run = { major: spec.pgMajor, dataDirectory, ...ownerOf(uid) };
  const recovered = await withThrowawayPlace(parts, run, async (place) =>
    recoverCluster({
      ...place,
      ...run,
      view: await builds.view(spec.pgMajor),
      sandbox,
      lock,
      target,
      timelineNumber: prepared.timelineNumber,
      secrets: inheritedSecrets,
      prepare: async (connection) => {
        await applySpec(connection, await firstSpec(connection, { spec }, order.ownSecret));
        return readLastWords(connection);
      },
      ...(signal && { signal }),
    }),
  ).catch(async (error: unknown) => {
    throw await explainFailure(parts, prepared, error);
  });
  if (order.keepsHistory) await keepWal(parts, spec.timelineId);
  await dropOldWal(dataDirectory);
  await allDone([
    noteRest(parts, spec.timelineId, await sinceBirth(parts, spec.timelineId, recovered.prepared)),
    noteBirth(parts, order),
    syncTrees(parts, order),
  ]);
  const at = target.kind === 'time' ? target.at : recovered.lastCommitAt;
  return {
    uid,
    inheritedSecrets,
    specApplied: true,
    origin: { lsn: recovered.lsn, at: at ?? base.at },
  };
}

// Nothing was committed in it since it was said to be there.
async function sinceBirth(
  { histories }: CopyParts,
  timelineId: TimelineId,
  words: LastWords,
): Promise<LastWords> {
  const { born } = await histories.get(timelineId);
  return born ? { ...words, head: { ...words.head, at: born.at } } : words;
}

/** Keeps the WAL that leads from the point to the copy: what the copy's history begins with. */
async function keepWal({ timelines, walStores }: CopyParts, timelineId: TimelineId): Promise<void> {
  const dataDirectory = timelines.dataDirectory(timelineId);
  const { redoLsn } = readControlFile(dataDirectory);
  const store = await walStores.of(timelineId);
  using files = DataDirectory.open(dataDirectory);
  await store.collect({ dataDirectory: files, before: redoLsn, durable: false });
}

// A source that is being deleted misses all kinds of files, and has no history any more.
async function noteLoss(
  { histories, timelines, log }: CopyParts,
  timelineId: TimelineId,
  damage: HistoryDamaged,
): Promise<void> {
  if (!timelines.isReady(timelineId)) return;
  log.error({ err: damage, timeline_id: timelineId }, 'history of a timeline is damaged');
  try {
    await histories.update(timelineId, (history) => withLoss(history, damage, new Date()));
  } catch (error) {
    log.warn({ err: error, timeline_id: timelineId }, 'the loss could not be noted');
  }
}
