import { settingsFor, startInstance } from '@pgfleet/compute';
import type { Instance, LimitGroup } from '@pgfleet/compute';
import type { EndpointSpec } from '@pgfleet/contract';
import { seizeTimelineLock } from '../timelines/timeline-lock.ts';
import { instancePlace } from './compute-parts.ts';
import type { ComputeParts } from './compute-parts.ts';
import { launchLimits } from './limits-for.ts';
import type { PhaseTimer } from './phase-timer.ts';
import { volumeSettings } from './volume-settings.ts';

export interface StartPostgresOptions {
  readonly limitGroup: LimitGroup;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly phases: PhaseTimer;
}

/** Starts the instance of an endpoint under the lock of its timeline. */
export async function startPostgres(
  parts: ComputeParts,
  spec: EndpointSpec,
  { limitGroup, timeoutMs, signal, phases }: StartPostgresOptions,
): Promise<Instance> {
  const { timelines, builds, sandbox, layout } = parts;
  const timeline = timelines.ready(spec.timelineId);
  const view = await builds.view(timeline.spec.pgMajor);
  const place = instancePlace(parts, spec);
  using lock = await seizeTimelineLock(place, signal);
  phases.mark('lock');
  limitGroup.set(launchLimits(spec));
  phases.mark('limits');
  const instance = await startInstance({
    ...place,
    ...timelines.owner(timeline),
    limitGroup,
    view,
    sandbox,
    lock,
    logFile: layout.log(spec.endpointId),
    settings: settings(parts, spec, timeline.spec.pgMajor),
    timeoutMs,
    signal,
  });
  phases.mark('postgres');
  return instance;
}

function settings({ volume }: ComputeParts, spec: EndpointSpec, major: number) {
  const { minCu, maxCu, pgSettings } = spec;
  const override = volumeSettings(volume.driver);
  return settingsFor({ major, minCu, maxCu, tenant: pgSettings, override });
}
