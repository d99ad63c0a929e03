import type { FrameUsage } from './consumption.ts';
import { invalidQuery } from './invalid-request.ts';

/*
 * The contract's names for what is metered. What pgfleet does not meter, or does not have, is 0.
 */

type Metric = (usage: FrameUsage) => number;

const nothing: Metric = () => 0;

const legacyMetrics = {
  active_time_seconds: ({ activeSeconds }) => activeSeconds,
  compute_time_seconds: ({ cuSeconds }) => cuSeconds,
  written_data_bytes: ({ writtenBytes }) => writtenBytes,
  synthetic_storage_size_bytes: ({ storedBytes }) => storedBytes,
  data_storage_bytes_hour: ({ storedBytes, hours }) => storedBytes * hours,
  logical_size_bytes: ({ logicalBytes }) => logicalBytes,
  logical_size_bytes_hour: ({ logicalBytes, hours }) => logicalBytes * hours,
} as const satisfies Record<string, Metric>;

const branchMetrics = {
  compute_unit_seconds: ({ cuSeconds }) => cuSeconds,
  root_branch_bytes_month: (usage) => (usage.isRoot ? monthly(usage.logicalBytes, usage) : 0),
  child_branch_bytes_month: (usage) => (usage.isRoot ? 0 : monthly(usage.logicalBytes, usage)),
  instant_restore_bytes_month: (usage) => monthly(usage.walBytes, usage),
  public_network_transfer_bytes: ({ bytesOut }) => bytesOut,
  private_network_transfer_bytes: nothing,
} as const satisfies Record<string, Metric>;

const projectMetrics = {
  ...branchMetrics,
  extra_branches_month: nothing,
  snapshot_storage_bytes_month: nothing,
} as const satisfies Record<string, Metric>;

/** The metrics of one operation by the contract's names. */
export const metricSets = {
  legacy: legacyMetrics,
  projects: projectMetrics,
  branches: branchMetrics,
} as const satisfies Record<string, Readonly<Record<string, Metric>>>;

/** Those that the contract's older operation always answers with. */
export const legacyDefaults = [
  'active_time_seconds',
  'compute_time_seconds',
  'written_data_bytes',
  'synthetic_storage_size_bytes',
] as const;

/**
 * Splits the names that a query lists.
 *
 * @throws PgfleetError `invalid_request` for a name that the operation does not know, or none.
 */
export function requestedMetrics(
  set: keyof typeof metricSets,
  listed: readonly string[],
): readonly string[] {
  const names = splitList(listed);
  const known = Object.keys(metricSets[set]);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined && names.length > 0) return names;
  throw invalidQuery('metrics', `must be one or more of ${known.join(', ')}`);
}

/** Splits a list that clients write with commas, as repeated parameters, or both. */
export function splitList(listed: readonly string[]): string[] {
  const items = listed.flatMap((text) => text.split(','));
  return [...new Set(items)].filter((item) => item !== '');
}

/** Gives the value of a metric over the branches of a frame, in whole units. */
export function metricOf(
  set: keyof typeof metricSets,
  name: string,
): (usages: readonly FrameUsage[]) => number {
  const metrics: Readonly<Record<string, Metric>> = metricSets[set];
  const metric = metrics[name] ?? nothing;
  return (usages) => Math.round(usages.reduce((sum, usage) => sum + metric(usage), 0));
}

function monthly(bytes: number, { hours, hoursOfMonth }: FrameUsage): number {
  return (bytes * hours) / hoursOfMonth;
}
