import { DataDirectory } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { allDone } from '../storage/all-done.ts';
import { ownerOf } from '../timelines/owner.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import type { RestMark } from '../history/history-record.ts';
import { parseLsn } from '../history/wal-segment.ts';
import { walTree } from '../history/wal-store.ts';
import { copyCapturedVerifiers, readCapturedVerifiers } from '../timelines/resting-verifiers.ts';
import type { CopyParts } from './copy-parts.ts';
import { inheritPoint, noteBirth } from './inherit-point.ts';
import { silence } from './silence.ts';

/** What a copy must not have of its source: slots that only the source's consumers know, and litter. */
const LEFT_OUT = ['pg_replslot', 'pg_notify', 'pg_dynshmem', 'pg_stat_tmp'];

interface AtRest {
  readonly timelineId: TimelineId;
  readonly rest: RestMark;
}

/** Clones a timeline at rest, whose lock the caller holds, as it lies. */
export async function cloneAtRest(
  parts: CopyParts,
  { timelineId: source, rest }: AtRest,
  order: TreeOrder,
): Promise<MadeTree> {
  const { volume, timelines, layout } = parts;
  const { spec, signal } = order;
  const record = timelines.ready(source);
  const { uid } = record;
  const options = { ...ownerOf(uid), ...(signal && { signal }) };
  await allDone([
    volume.clone(source, spec.timelineId, options),
    inherit(parts, { timelineId: source, rest }, order),
  ]);
  const dataDirectory = volume.path(spec.timelineId);
  using files = DataDirectory.open(dataDirectory);
  for (const name of LEFT_OUT) await files.clear(name);
  const inheritedSecrets = timelines.adminSecrets(record);
  const origin = { lsn: rest.lsn, at: rest.at };
  const verifiers = readCapturedVerifiers({
    dataDirectory: volume.path(source),
    path: layout.verifiers(source),
  });
  const areSame = spec.initial.roles.every(
    ({ name, verifier }) => verifiers?.get(name) === verifier,
  );
  if (rest.hasSubscriptions || !areSame) {
    await silence(parts, order, { uid, inheritedSecrets });
    await noteBirth(parts, order);
    return { uid, inheritedSecrets, specApplied: true, origin };
  }
  await noteBirth(parts, order);
  await copyCapturedVerifiers(layout.verifiers(source), layout.verifiers(spec.timelineId));
  return { uid, inheritedSecrets, specApplied: false, origin };
}

/** What leads from an earlier point to the source as it lies leads to the copy as well. */
function inherit(
  parts: CopyParts,
  { timelineId: source, rest }: AtRest,
  order: TreeOrder,
): Promise<void> {
  const { histories, walStores, volume } = parts;
  const heir = order.spec.timelineId;
  if (!order.keepsHistory) return Promise.resolve();
  return histories.using(source, async () => {
    const target = { kind: 'lsn', lsn: rest.lsn } as const;
    const point = await histories.nearest(source, { target, damaged: new Set() });
    if (!point) return;
    const store = await walStores.of(source);
    const from = parseLsn(point.redoLsn);
    const shared = await store.share(await walStores.of(heir), { from });
    if (shared > 0) await volume.sync(walTree(heir));
    await inheritPoint(parts, order, point);
  });
}
