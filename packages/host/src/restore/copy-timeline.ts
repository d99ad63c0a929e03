import { markHead } from '@pgfleet/compute';
import type { AdminConnection, Head } from '@pgfleet/compute';
import type { PointInTime, TimelineId } from '@pgfleet/contract';
import { timestampMicros } from '../history/nearest-point.ts';
import type { RestMark } from '../history/history-record.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import { cloneAtRest } from './clone-at-rest.ts';
import type { CopyParts } from './copy-parts.ts';
import { markKnownHead } from './mark-known-head.ts';
import { recoverCopy } from './recover-copy.ts';
import { postponeRecovery } from './postpone-recovery.ts';
import type { RecoverySource } from './prepare-recovery.ts';
import { whileSettled } from './while-settled.ts';

interface CopySource {
  readonly timelineId: TimelineId;
  readonly at: PointInTime;
}

/** What there is to do: nothing any more, or a recovery, for which the source may do as it likes. */
type Plan = { readonly made: MadeTree } | { readonly recovery: RecoverySource };

/**
 * Makes a new timeline's tree out of another timeline as of a point.
 *
 * A source at rest that is wanted as it is gets cloned as it lies, which takes no recovery. All else
 * is recovered from the nearest earlier point of history and the WAL behind it; the source may start,
 * run and stop meanwhile and notices nothing but one empty commit.
 *
 * @throws PgfleetError `timeline_not_found`, `point_not_available`, `history_damaged`,
 * `timeline_locked` when the source neither runs nor rests for too long.
 */
export async function copyTimeline(
  parts: CopyParts,
  source: CopySource,
  order: TreeOrder,
): Promise<MadeTree> {
  const { timelineId, at } = source;
  const mark = (connection: AdminConnection) =>
    at.kind === 'head' ? markKnownHead(parts, timelineId, connection) : markHead(connection);
  const plan = await whileSettled<Plan>(
    parts,
    { timelineId, signal: order.signal },
    {
      mark,
      running: (head) => ({ recovery: recoveryTo(source, head) }),
      resting: async (rest, signal) => {
        if (!isAtRestAs(at, rest)) return { recovery: recoveryTo(source, endOf(rest)) };
        if (order.from) return { recovery: recoveryTo({ ...source, at: HEAD }, endOf(rest)) };
        return { made: await cloneAtRest(parts, { timelineId, rest }, { ...order, signal }) };
      },
    },
  );
  if ('made' in plan) return plan.made;
  const postponed = await postponeRecovery(parts, plan.recovery, order);
  return postponed ?? recoverCopy(parts, plan.recovery, order);
}

/** Whether a cluster at rest is at that point as it lies: nothing was committed after it. */
export function isAtRestAs(at: PointInTime, rest: RestMark): boolean {
  if (at.kind === 'head') return true;
  if (at.kind === 'lsn') return at.lsn === rest.lsn;
  return timestampMicros(at.at) >= timestampMicros(rest.at);
}

const HEAD = { kind: 'head' } as const;

type End = Pick<Head, 'lsn' | 'endLsn'>;

const endOf = ({ lsn }: RestMark): End => ({ lsn, endLsn: lsn });

function recoveryTo({ timelineId, at }: CopySource, { lsn, endLsn }: End): RecoverySource {
  const target = at.kind === 'head' ? ({ kind: 'lsn', lsn } as const) : at;
  return { timelineId, target, endLsn };
}
