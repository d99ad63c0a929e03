import { ComputeError, DataDirectory, prepareInPlace } from '@pgfleet/compute';
import type { ClusterContent } from '@pgfleet/compute';
import type { TimelineId, TimelineSpec } from '@pgfleet/contract';
import { HistoryDamaged } from '../history/history-damaged.ts';
import { withBirth } from '../history/history-record.ts';
import type { KnownHead } from '../history/known-heads.ts';
import { readFootprint } from '../timelines/footprint.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import type { CopyParts } from './copy-parts.ts';
import { DamagedPoint } from './damaged-point.ts';
import { dropPoint } from './drop-points.ts';
import { prepareRecovery } from './prepare-recovery.ts';
import type { PreparedRecovery, RecoverySource } from './prepare-recovery.ts';

/**
 * Makes a tree that its first launch recovers, if a client is waiting for that launch, or if all that a
 * recovery would tell is known without it; and if nothing speaks against it: what leads to its target is
 * not known to be damaged, and what is cloned is durable without a sync. Where no launch comes
 * `HistoryKeeper` has it recovered.
 */
export async function postponeRecovery(
  parts: CopyParts,
  source: RecoverySource,
  order: TreeOrder,
): Promise<MadeTree | undefined> {
  const { spec, keepsHistory, from, isWhole } = order;
  const { timelineId, target } = source;
  if (!parts.volume.copyOnWrite || !keepsHistory || from) return undefined;
  const head = spec.opensAtOnce || isWhole ? undefined : knownHead(parts, source);
  if (!spec.opensAtOnce && !head) return undefined;
  const wanted = { ...source, damaged: new Set<string>(), leavesData: head !== undefined };
  const prepared = await prepareRecovery(parts, wanted, order).catch(asDamage);
  if (prepared instanceof DamagedPoint) await dropPoint(parts, spec.timelineId, prepared.tree);
  if (prepared instanceof Error || prepared.damage) {
    await parts.volume.remove(spec.timelineId);
    return undefined;
  }
  await leaveToLaunch(prepared);
  if (head) await noteForeseen(parts, { heir: spec.timelineId, source: timelineId }, head);
  const { timelineNumber, lacksData } = prepared;
  const foreseen = head && { content: contentFor(spec, head), lacksData };
  const record = parts.timelines.ready(timelineId);
  return {
    uid: record.uid,
    inheritedSecrets: parts.timelines.pastAdminSecrets(record),
    specApplied: false,
    origin: head ? { lsn: head.lsn, at: head.at } : null,
    pending: { target, timelineNumber, ...foreseen },
  };
}

function knownHead(
  { knownHeads }: CopyParts,
  { timelineId, target }: RecoverySource,
): KnownHead | undefined {
  return target.kind === 'lsn' ? knownHeads.find(timelineId, target.lsn) : undefined;
}

interface Descent {
  readonly heir: TimelineId;
  readonly source: TimelineId;
}

/** Notes what a recovery will show: where a copy begins, and how much it has. */
async function noteForeseen(
  parts: CopyParts,
  { heir, source }: Descent,
  { lsn }: KnownHead,
): Promise<void> {
  const { histories } = parts;
  const logicalBytes = await sizeOf(parts, source);
  await histories.update(heir, (history) => ({ ...withBirth(history, lsn), logicalBytes }));
}

// One that stops meanwhile has it noted.
async function sizeOf(
  { claims, histories, log }: CopyParts,
  timelineId: TimelineId,
): Promise<number | null> {
  try {
    const measured = await claims.running(timelineId)?.use(readFootprint);
    if (measured) return measured.logicalBytes;
  } catch (error) {
    log.debug({ err: error, timeline_id: timelineId }, 'the size of a source is an earlier one');
  }
  return (await histories.get(timelineId)).logicalBytes;
}

/** What its source has, but for the passwords that the copy gets. */
function contentFor({ initial }: TimelineSpec, { content }: KnownHead): ClusterContent {
  const given = new Map(initial.roles.map(({ name, verifier }) => [name, verifier]));
  const roles = content.roles.map((role) => ({
    ...role,
    verifier: given.get(role.name) ?? role.verifier,
  }));
  return { ...content, roles };
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
