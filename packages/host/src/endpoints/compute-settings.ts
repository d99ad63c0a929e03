import { instanceSettings } from '@pgfleet/compute';
import type { InstanceSettings } from '@pgfleet/compute';
import type { EndpointSpec } from '@pgfleet/contract';
import type { TimelineRecord } from '../timelines/timeline-record.ts';
import type { ComputeParts } from './compute-parts.ts';
import { volumeSettings } from './volume-settings.ts';

/** The settings of Postgres that an endpoint's compute is to have on a timeline. */
export function computeSettings(
  { volume }: Pick<ComputeParts, 'volume'>,
  { minCu, maxCu, pgSettings, logicalReplication, preloadLibraries }: EndpointSpec,
  { spec }: Pick<TimelineRecord, 'spec'>,
): InstanceSettings {
  return instanceSettings({
    major: spec.pgMajor,
    minCu,
    maxCu,
    logicalReplication: logicalReplication ?? false,
    preloadLibraries: preloadLibraries ?? [],
    tenant: pgSettings,
    override: volumeSettings(volume.driver),
  });
}
