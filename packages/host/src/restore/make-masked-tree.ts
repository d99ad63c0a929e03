import { AdminConnection, applySpec, DataDirectory, maskCluster } from '@pgfleet/compute';
import type { MaskingLogin, MaskingRule as ComputeRule, PostgresSettings } from '@pgfleet/compute';
import type { MaskingRule, PointInTime, TimelineId } from '@pgfleet/contract';
import { firstSpec } from '../timelines/first-spec.ts';
import { noteRest, readLastWords } from '../timelines/last-words.ts';
import type { LastWords } from '../timelines/last-words.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import { ownerOf } from '../timelines/owner.ts';
import { toHostError } from '../host-error.ts';
import type { CopyParts } from './copy-parts.ts';
import { copyTimeline } from './copy-timeline.ts';
import { dropOldWal } from './drop-old-wal.ts';
import { noteBirth } from './inherit-point.ts';
import { syncTrees } from './sync-trees.ts';
import { understoodRule } from './understood-rule.ts';
import { withThrowawayRun } from './throwaway-run.ts';
import type { ThrowawayAccess } from './throwaway-run.ts';

/** Tables are rewritten as a whole, in one statement each. */
const STATEMENT_TIMEOUT_MS = 6 * 3_600_000;

// WAL of a cluster that nobody goes back in is of no use once its checkpoint is over.
const SETTINGS: PostgresSettings = { wal_keep_size: '0', wal_recycle: 'off' };

interface MaskedSource {
  readonly timelineId: TimelineId;
  readonly at: PointInTime;
  readonly rules: readonly MaskingRule[];
}

/**
 * Makes the tree of a timeline that has the data of another one with some columns masked. What is
 * left of it is what Postgres has written since: no WAL, no point of history and no statistics of
 * the source come along, so nothing leads back to the values that were there.
 *
 * @throws PgfleetError `masking_refused`; as {@link copyTimeline}.
 */
export async function makeMaskedTree(
  parts: CopyParts,
  source: MaskedSource,
  order: TreeOrder,
): Promise<MadeTree> {
  const rules = source.rules.map(understoodRule);
  const copied = await copyTimeline(parts, source, { ...order, keepsHistory: false });
  const { spec, signal, lock, ownSecret } = order;
  const dataDirectory = parts.volume.path(spec.timelineId);
  const run = {
    major: spec.pgMajor,
    dataDirectory,
    lock,
    ...ownerOf(copied.uid),
    secrets: copied.specApplied ? [ownSecret] : copied.inheritedSecrets,
    settings: SETTINGS,
    signal,
  };
  const words = await withThrowawayRun(parts, run, (access) => mask(access, rules, order)).catch(
    (error: unknown) => {
      throw toHostError(error, 'unavailable');
    },
  );
  using files = DataDirectory.open(dataDirectory);
  // Extensions keep texts of statements there.
  await files.clear('pg_stat');
  await noteRest(parts, spec.timelineId, words);
  await dropOldWal(dataDirectory);
  await noteBirth(parts, order);
  await syncTrees(parts, order);
  const { uid, inheritedSecrets, origin } = copied;
  return { uid, inheritedSecrets, specApplied: true, origin };
}

async function mask(
  { connection, socketDirectory }: ThrowawayAccess,
  rules: readonly ComputeRule[],
  { spec, ownSecret }: TreeOrder,
): Promise<LastWords> {
  await applySpec(connection, await firstSpec(connection, { spec }, ownSecret));
  const timeoutMs = STATEMENT_TIMEOUT_MS;
  const access = {
    connection,
    open: (database: string) =>
      AdminConnection.open({ socketDirectory, secrets: [ownSecret], database, timeoutMs }),
    openAs: (database: string, { role, secret, options }: MaskingLogin) =>
      AdminConnection.open({
        socketDirectory,
        secrets: [secret],
        role,
        options,
        database,
        timeoutMs,
      }),
  };
  await maskCluster(access, rules);
  return readLastWords(connection);
}
