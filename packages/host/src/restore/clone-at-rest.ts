import { DataDirectory } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { ownerOf } from '../timelines/owner.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import type { RestMark } from '../history/history-record.ts';
import { copyCapturedVerifiers, readCapturedVerifiers } from '../timelines/resting-verifiers.ts';
import type { CopyParts } from './copy-parts.ts';
import { silence } from './silence.ts';

/** What a copy must not have of its source: slots that only the source's consumers know, and litter. */
const LEFT_OUT = ['pg_replslot', 'pg_notify', 'pg_dynshmem', 'pg_stat_tmp'];

/** Clones a timeline at rest, whose lock the caller holds, as it lies. */
export async function cloneAtRest(
  parts: CopyParts,
  { timelineId: source, rest }: { readonly timelineId: TimelineId; readonly rest: RestMark },
  order: TreeOrder,
): Promise<MadeTree> {
  const { volume, timelines, layout } = parts;
  const { spec, signal } = order;
  const record = timelines.ready(source);
  const { uid } = record;
  await volume.clone(source, spec.timelineId, { ...ownerOf(uid), ...(signal && { signal }) });
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
    return { uid, inheritedSecrets, specApplied: true, origin };
  }
  await copyCapturedVerifiers(layout.verifiers(source), layout.verifiers(spec.timelineId));
  return { uid, inheritedSecrets, specApplied: false, origin };
}
