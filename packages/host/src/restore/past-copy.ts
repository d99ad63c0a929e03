import { newTimelineId, PgfleetError } from '@pgfleet/contract';
import type { PointInTime, TimelineId, TimelineReady } from '@pgfleet/contract';
import type { PostgresSettings } from '@pgfleet/compute';
import type { CopyParts } from './copy-parts.ts';
import { resolvePoint } from './resolve-point.ts';
import { withThrowawayRun } from './throwaway-run.ts';
import type { ThrowawayAccess } from './throwaway-run.ts';

export interface PastOptions {
  readonly timelineId: TimelineId;
  readonly at: PointInTime;
  /** As of {@link PutOptions.from}. */
  readonly from?: string | undefined;
  readonly settings?: PostgresSettings;
  readonly signal?: AbortSignal | undefined;
}

/** Where a copy of a timeline was cut. */
export interface PastAccess extends ThrowawayAccess {
  readonly origin: NonNullable<TimelineReady['origin']>;
}

/**
 * Gives `work` a running copy of a timeline as of a point, which nobody else sees and which is gone
 * afterwards. The timeline itself is not touched.
 *
 * @throws PgfleetError as `putTimeline` does.
 */
export async function withPastCopy<T>(
  parts: CopyParts,
  { timelineId, at, from, settings, signal }: PastOptions,
  work: (access: PastAccess) => Promise<T>,
): Promise<T> {
  const { timelines, claims } = parts;
  await timelines.remade(timelineId);
  const { spec } = timelines.ready(timelineId);
  const resolved = await resolvePoint(parts, timelineId, { at, signal });
  const copyId = newTimelineId();
  try {
    const origin = await timelines.put(
      {
        ...spec,
        timelineId: copyId,
        source: { kind: 'timeline', timelineId, at: resolved.at },
        initial: { roles: [], databases: [] },
        historyRetentionSeconds: 0,
      },
      { ephemeral: true, ...(from && { from }), ...(signal && { signal }) },
    );
    if (!origin) throw new PgfleetError('internal');
    return await claims.atRest(
      copyId,
      async (restSignal) => {
        const record = timelines.ready(copyId);
        using lock = await timelines.lock(copyId, restSignal);
        const run = {
          major: spec.pgMajor,
          dataDirectory: timelines.dataDirectory(copyId),
          lock,
          ...timelines.owner(record),
          secrets: timelines.adminSecrets(record),
          ...(settings && { settings }),
          signal: restSignal,
        };
        return await withThrowawayRun(parts, run, (access) => work({ ...access, origin }));
      },
      { signal },
    );
  } finally {
    await timelines.delete(copyId, async () => undefined);
  }
}
