import { checkSettings, ComputeError } from '@pgfleet/compute';
import type { EndpointSpec } from '@pgfleet/contract';
import type { ComputeParts } from './compute-parts.ts';
import { computeSettings } from './compute-settings.ts';

/**
 * Asks Postgres whether it would start with the settings that an endpoint is to have, whether it runs or
 * sleeps: one that runs says of many a value only that it waits for the next start, and one that sleeps
 * says nothing. Where it cannot be asked nothing is refused: a start finds out.
 *
 * @throws ComputeError `settings_refused`.
 */
export async function trySettings(parts: ComputeParts, spec: EndpointSpec): Promise<void> {
  const { timelines } = parts;
  if (Object.keys(spec.pgSettings).length === 0 || !timelines.isReady(spec.timelineId)) return;
  try {
    await check(parts, spec);
  } catch (error) {
    if (error instanceof ComputeError && error.code === 'settings_refused') throw error;
    const fields = { err: error, endpoint_id: spec.endpointId };
    parts.log.warn(fields, 'settings could not be tried before they are taken');
  }
}

async function check(parts: ComputeParts, spec: EndpointSpec): Promise<void> {
  const { timelines, builds, sandbox, layout } = parts;
  const timeline = timelines.ready(spec.timelineId);
  await checkSettings({
    view: await builds.view(timeline.spec.pgMajor),
    sandbox,
    dataDirectory: timelines.dataDirectory(spec.timelineId),
    scratchDirectory: layout.throwawayDir,
    ...timelines.owner(timeline),
    settings: await computeSettings(parts, spec, timeline),
    without: await computeSettings(parts, { ...spec, pgSettings: {} }, timeline),
  });
}
