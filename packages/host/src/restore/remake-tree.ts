import { DataDirectory } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { TimelineId } from '@pgfleet/contract';
import type { HistoryRecord } from '../history/history-record.ts';
import { parseLsn, parseSegmentName } from '../history/wal-segment.ts';
import { walTree } from '../history/wal-store.ts';
import { formerTree } from '../timelines/former-tree.ts';
import type { MadeTree, PendingTree, TreeOrder } from '../timelines/made-tree.ts';
import type { TemplateTreeParts } from '../timelines/template-tree.ts';
import type { CopyParts } from './copy-parts.ts';
import { DamagedPoint } from './damaged-point.ts';
import { dropPoints } from './drop-points.ts';
import { makeTree } from './make-tree.ts';
import { leaveToLaunch } from './postpone-recovery.ts';
import { beginAt, clonePoint, isDamage } from './prepare-recovery.ts';
import type { PreparedRecovery } from './prepare-recovery.ts';
import { recover } from './recover-copy.ts';

type RemakeParts = CopyParts & TemplateTreeParts;

/**
 * Makes a copy again that its first launch was to recover: from the point of history that it borrowed
 * and the WAL that lies in it, which are there for as long as it is, whatever its source has let go of
 * since. Only where those are damaged the source is asked once more.
 *
 * What it was is set aside meanwhile, and put back when this fails; after a success the caller removes
 * it, once what was made is noted. A crash in between is made up for by another call.
 *
 * @throws PgfleetError `history_damaged`, `point_not_available`; whatever else a recovery throws.
 */
export async function remakeTree(
  parts: RemakeParts,
  order: TreeOrder,
  pending: PendingTree,
): Promise<MadeTree> {
  const { timelineId } = order.spec;
  await setAside(parts, timelineId);
  const before = await parts.histories.get(timelineId);
  try {
    return await remake(parts, order, { ...pending, before });
  } catch (error) {
    await putBack(parts, timelineId, before);
    throw error;
  }
}

// What is half made, or was not noted, is beside what is to be set aside already.
async function setAside(parts: RemakeParts, timelineId: TimelineId): Promise<void> {
  const { volume } = parts;
  const former = formerTree(timelineId);
  if (await volume.exists(former)) await volume.remove(timelineId);
  else if (await volume.exists(timelineId)) await volume.rename(timelineId, former);
  await forgetWal(parts, timelineId);
}

async function putBack(
  parts: RemakeParts,
  timelineId: TimelineId,
  before: HistoryRecord,
): Promise<void> {
  const { volume, histories, log } = parts;
  try {
    await volume.remove(timelineId);
    await forgetWal(parts, timelineId);
    const former = formerTree(timelineId);
    if (await volume.exists(former)) await volume.rename(former, timelineId);
    await histories.update(timelineId, () => before);
  } catch (error) {
    // The next attempt finds it.
    log.warn({ err: error, timeline_id: timelineId }, 'a copy stays set aside');
  }
}

async function forgetWal({ volume, walStores }: RemakeParts, timelineId: TimelineId) {
  await volume.remove(walTree(timelineId));
  walStores.forget(timelineId);
}

interface Again extends PendingTree {
  readonly before: HistoryRecord;
}

async function remake(parts: RemakeParts, order: TreeOrder, again: Again): Promise<MadeTree> {
  try {
    return await fromItsOwn(parts, order, again);
  } catch (error) {
    const { source, timelineId } = order.spec;
    const hasSource = source.kind === 'timeline' && parts.timelines.isReady(source.timelineId);
    if (!isDeadEnd(error) || !hasSource) throw asDamage(error, again);
    parts.log.warn({ err: error, timeline_id: timelineId }, 'a copy is made anew of its source');
    await parts.volume.remove(timelineId);
    await forgetWal(parts, timelineId);
    return fromItsSource(parts, order, again);
  }
}

function asDamage(error: unknown, { before: { points } }: Again): unknown {
  if (error instanceof DamagedPoint) return error.damage;
  const base = points.at(-1);
  return base && isDamage(error) ? new DamagedPoint(base, error.message).damage : error;
}

function isDeadEnd(error: unknown): boolean {
  if (error instanceof DamagedPoint || isDamage(error)) return true;
  if (!(error instanceof PgfleetError)) return false;
  return error.code === 'history_damaged' || error.code === 'point_not_available';
}

async function fromItsOwn(
  parts: RemakeParts,
  order: TreeOrder,
  { before, pending, uid, inheritedSecrets, origin }: Again,
): Promise<MadeTree> {
  const prepared = await prepareAgain(parts, order, { before, pending, uid });
  if (!order.isWhole) {
    await leaveToLaunch(prepared);
    const { lacksData: _, ...complete } = pending;
    return { uid, inheritedSecrets, specApplied: false, origin, pending: complete };
  }
  const recovery = { prepared, target: pending.target, uid, inheritedSecrets };
  const run = () => recover(parts, recovery, order);
  return order.isBehind ? run() : parts.recoveries.run(run, order.signal);
}

async function fromItsSource(
  parts: RemakeParts,
  order: TreeOrder,
  { before, pending: { target } }: Again,
): Promise<MadeTree> {
  const { timelineId, source } = order.spec;
  // As it was told to be, whatever is the head of its source by now.
  const spec = 'at' in source ? { ...order.spec, source: { ...source, at: target } } : order.spec;
  const made = await makeTree(parts, { ...order, spec, isWhole: true });
  const { points } = await parts.histories.get(timelineId);
  const kept = new Set(points.map(({ tree }) => tree));
  const former = before.points.map(({ tree }) => tree).filter((tree) => !kept.has(tree));
  await dropPoints(parts, timelineId, former);
  return made;
}

/** Clones the point that it borrowed, and shares the WAL of what was set aside. */
async function prepareAgain(
  parts: RemakeParts,
  order: TreeOrder,
  { before, pending, uid }: Omit<Again, 'inheritedSecrets' | 'origin'>,
): Promise<PreparedRecovery> {
  const { volume } = parts;
  const base = before.points.at(-1);
  const former = formerTree(order.spec.timelineId);
  if (!base || !(await volume.exists(former))) throw new PgfleetError('point_not_available');
  const dataDirectory = await clonePoint(parts, { base, uid }, order);
  using files = DataDirectory.open(dataDirectory);
  await beginAt(files, base);
  using live = DataDirectory.open(volume.path(former));
  const { timelineNumber } = pending;
  const names = (await live.list('pg_wal')).filter((name) => isOfSource(name, timelineNumber));
  for (const name of names.map((segment) => `pg_wal/${segment}`)) {
    await live.withFile(name, ({ path }) => files.cloneIn(path, name));
  }
  const ends = names.flatMap((name) => parseSegmentName(name)?.end ?? []);
  const endLsn = ends.reduce((a, b) => (b > a ? b : a), parseLsn(base.endLsn));
  return { base, dataDirectory, timelineNumber, endLsn, damage: undefined, lacksData: false };
}

// A launch that got so far as to begin a timeline number of its own has written WAL beside it.
function isOfSource(name: string, timelineNumber: number): boolean {
  const segment = parseSegmentName(name);
  if (segment) return segment.timelineNumber <= timelineNumber;
  return name.endsWith('.history') && Number.parseInt(name, 16) <= timelineNumber;
}
