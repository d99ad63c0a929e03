import { ComputeError, DataDirectory, prepareInPlace } from '@pgfleet/compute';
import { HistoryDamaged } from '../history/history-damaged.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import type { CopyParts } from './copy-parts.ts';
import { DamagedPoint } from './damaged-point.ts';
import { dropPoint } from './drop-points.ts';
import { prepareRecovery } from './prepare-recovery.ts';
import type { PreparedRecovery, RecoverySource } from './prepare-recovery.ts';

/**
 * Makes a tree that the first launch recovers, if a client is waiting for that launch and nothing
 * speaks against it: what leads to its target is not known to be damaged, and what is
 * cloned is durable without a sync.
 */
export async function postponeRecovery(
  parts: CopyParts,
  source: RecoverySource,
  order: TreeOrder,
): Promise<MadeTree | undefined> {
  const { spec, keepsHistory, from } = order;
  const { timelineId, target } = source;
  if (!parts.volume.copyOnWrite) return undefined;
  if (!spec.opensAtOnce || !keepsHistory || from) return undefined;
  const prepared = await prepareRecovery(parts, { ...source, damaged: new Set() }, order).catch(
    asDamage,
  );
  if (prepared instanceof DamagedPoint) await dropPoint(parts, spec.timelineId, prepared.tree);
  if (prepared instanceof Error || prepared.damage) {
    await parts.volume.remove(spec.timelineId);
    return undefined;
  }
  await leaveToLaunch(prepared);
  const { timelineNumber } = prepared;
  const record = parts.timelines.ready(timelineId);
  return {
    uid: record.uid,
    inheritedSecrets: parts.timelines.pastAdminSecrets(record),
    specApplied: false,
    origin: null,
    pending: { target, timelineNumber },
  };
}

/** Leaves a recovery to a launch, durably. */
export async function leaveToLaunch({ dataDirectory }: PreparedRecovery): Promise<void> {
  await Promise.all([prepareInPlace(dataDirectory), syncWal(dataDirectory)]);
}

// What Postgres finds it does not sync, and needs until its first checkpoint. All else that is added to
// the clone it writes or renames itself, durably.
async function syncWal(dataDirectory: string): Promise<void> {
  using files = DataDirectory.open(dataDirectory);
  const names = (await files.list('pg_wal')).map((name) => `pg_wal/${name}`);
  const paths = names.filter((name) => files.stat(name)?.isFile);
  await Promise.all(paths.map((path) => files.withFile(path, ({ file }) => file.sync())));
  await files.sync('pg_wal');
}

// A recovery at once says what is wrong, and looks for another way.
function asDamage(error: unknown): Error {
  if (error instanceof DamagedPoint || error instanceof HistoryDamaged) return error;
  if (error instanceof ComputeError) return error;
  throw error;
}
