import { applySpec, silenceSubscriptions } from '@pgfleet/compute';
import { ownerOf } from '../timelines/owner.ts';
import type { TreeOrder } from '../timelines/made-tree.ts';
import type { CopyParts } from './copy-parts.ts';
import { firstSpec } from '../timelines/first-spec.ts';
import { noteRest, readLastWords } from '../timelines/last-words.ts';
import { withThrowawayRun } from './throwaway-run.ts';

/**
 * Runs a clone for a moment, so that its subscriptions are off and its specification is inside
 * before anybody gets in.
 */
export async function silence(
  parts: CopyParts,
  { spec, ownSecret, lock, signal }: TreeOrder,
  {
    uid,
    inheritedSecrets,
  }: { readonly uid: number | null; readonly inheritedSecrets: readonly string[] },
): Promise<void> {
  const words = await withThrowawayRun(
    parts,
    {
      major: spec.pgMajor,
      dataDirectory: parts.volume.path(spec.timelineId),
      lock,
      ...ownerOf(uid),
      secrets: inheritedSecrets,
      signal,
    },
    async ({ connection }) => {
      await silenceSubscriptions(connection);
      await applySpec(connection, await firstSpec(connection, { spec }, ownSecret));
      return readLastWords(connection);
    },
  );
  await noteRest(parts, spec.timelineId, words);
}
