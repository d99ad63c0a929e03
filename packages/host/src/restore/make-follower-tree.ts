import { prepareFollower } from '@pgfleet/compute';
import type { Head } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import { ownerOf } from '../timelines/owner.ts';
import type { CopyParts } from './copy-parts.ts';
import { DamagedPoint } from './damaged-point.ts';
import { prepareRecovery } from './prepare-recovery.ts';
import { whileSettled } from './while-settled.ts';

/** Whether the tree is there, or is yet to be made from a point of history. */
type Plan = { readonly lsn: string } | { readonly head: Head };

/**
 * Makes the tree of a timeline that follows another one: what that has by now, as a standby. It goes on
 * as the same history and is never promoted, so that it can stream whatever its source writes.
 *
 * @throws PgfleetError `timeline_not_found`, `history_damaged`, `timeline_locked` when the source
 * neither runs nor rests for too long.
 */
export async function makeFollowerTree(
  parts: CopyParts,
  source: TimelineId,
  order: TreeOrder,
): Promise<MadeTree> {
  const { timelines, volume } = parts;
  const { signal, spec } = order;
  const plan = await whileSettled<Plan>(
    parts,
    { timelineId: source, signal },
    {
      running: (head) => ({ head }),
      resting: async ({ lsn }, restSignal) => {
        const options = { ...ownerOf(timelines.ready(source).uid), signal: restSignal };
        await volume.clone(source, spec.timelineId, options);
        return { lsn };
      },
    },
  );
  if ('head' in plan) await cloneNearestPoint(parts, { source, ...plan }, order);
  const record = timelines.ready(source);
  const dataDirectory = volume.path(spec.timelineId);
  await prepareFollower(dataDirectory, timelines.adminSecrets(record).at(-1) ?? '');
  const lsn = 'head' in plan ? plan.head.lsn : plan.lsn;
  return {
    uid: record.uid,
    inheritedSecrets: timelines.pastAdminSecrets(record),
    specApplied: true,
    origin: { lsn, at: new Date().toISOString() },
  };
}

interface Running {
  readonly source: TimelineId;
  readonly head: Head;
}

async function cloneNearestPoint(
  parts: CopyParts,
  { source, head }: Running,
  order: TreeOrder,
): Promise<void> {
  const target = { kind: 'lsn', lsn: head.lsn } as const;
  const wanted = { timelineId: source, target, endLsn: head.endLsn };
  const damaged = new Set<string>();
  for (;;) {
    try {
      const { damage } = await prepareRecovery(parts, { ...wanted, damaged }, order);
      if (damage) throw damage;
      return;
    } catch (error) {
      if (!(error instanceof DamagedPoint)) throw error;
      const fields = { err: error, timeline_id: source, tree: error.tree };
      parts.log.error(fields, 'a point of history is damaged');
      damaged.add(error.tree);
      await parts.volume.remove(order.spec.timelineId);
    }
  }
}
