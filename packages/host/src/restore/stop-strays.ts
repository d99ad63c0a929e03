import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TimelineId } from '@pgfleet/contract';
import type { CopyParts } from './copy-parts.ts';
import { THROWAWAY_NOTE } from './throwaway-run.ts';

/**
 * Stops the throw-away instances that a killed host left running. Nobody would find them: they are
 * no computes, and whoever next wants their timeline may come in a year.
 */
export async function stopStrays({
  layout,
  timelines,
  claims,
  log,
}: Pick<CopyParts, 'layout' | 'timelines' | 'claims' | 'log'>): Promise<void> {
  const { throwawayDir } = layout;
  const notes = (await readdir(throwawayDir)).filter((name) => name.endsWith(THROWAWAY_NOTE));
  await Promise.all(
    notes.map(async (note) => {
      const timelineId = (await readFile(join(throwawayDir, note), 'utf8')) as TimelineId;
      if (!timelines.knows(timelineId) || claims.isClaimed(timelineId)) return;
      try {
        using _lock = await timelines.lock(timelineId);
      } catch (error) {
        log.warn({ err: error, timeline_id: timelineId }, 'a stray instance could not be stopped');
      }
    }),
  );
}
