import { instanceSettings } from '@pgfleet/compute';
import type { InstanceSettings, PostgresSettings } from '@pgfleet/compute';
import type { EndpointSpec } from '@pgfleet/contract';
import type { TimelineRecord } from '../timelines/timeline-record.ts';
import type { ComputeParts } from './compute-parts.ts';
import { withoutChoices } from './refused-settings.ts';
import { isOverSizeLimit } from './size-limit.ts';
import { volumeSettings } from './volume-settings.ts';

// Whoever is to delete something begins a transaction that is `READ WRITE`.
const READ_ONLY: PostgresSettings = { default_transaction_read_only: 'on' };

type SettingsParts = Pick<ComputeParts, 'volume' | 'histories' | 'refusedSettings'>;

/**
 * The settings of Postgres that an endpoint's compute is to have on a timeline. In one that is larger
 * than it may be, transactions do not write unless they say so. What Postgres did not start with is left
 * out.
 */
export async function computeSettings(
  { volume, histories, refusedSettings }: SettingsParts,
  endpoint: EndpointSpec,
  { spec }: Pick<TimelineRecord, 'spec'>,
): Promise<InstanceSettings> {
  const { minCu, maxCu, logicalReplication } = endpoint;
  const isRefused = refusedSettings.has(endpoint);
  const { pgSettings, preloadLibraries } = isRefused ? withoutChoices(endpoint) : endpoint;
  const isOver = isOverSizeLimit(endpoint, await histories.get(spec.timelineId));
  return instanceSettings({
    major: spec.pgMajor,
    minCu,
    maxCu,
    logicalReplication: logicalReplication ?? false,
    preloadLibraries: preloadLibraries ?? [],
    tenant: isOver ? { ...pgSettings, ...READ_ONLY } : pgSettings,
    override: volumeSettings(volume.driver),
  });
}
