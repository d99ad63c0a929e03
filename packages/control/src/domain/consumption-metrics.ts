import type { FrameUsage, Measure } from './consumption.ts';
import { invalidQuery } from './invalid-request.ts';

/*
 * The contract's names for what is metered. What pgfleet does not meter, or does not have, is 0.
 */

interface Metric {
  readonly reads: readonly Measure[];
  readonly of: (usage: FrameUsage) => number;
}

const nothing: Metric = { reads: [], of: () => 0 };
const activeSeconds: Metric = { reads: ['activeSeconds'], of: (usage) => usage.activeSeconds };
const cuSeconds: Metric = { reads: ['cuSeconds'], of: (usage) => usage.cuSeconds };
const writtenBytes: Metric = { reads: ['writtenBytes'], of: (usage) => usage.writtenBytes };
const bytesOut: Metric = { reads: ['bytesOut'], of: (usage) => usage.bytesOut };
const logicalBytes: Metric = { reads: ['logicalBytes'], of: (usage) => usage.logicalBytes };
const walBytes: Metric = { reads: ['walBytes'], of: (usage) => usage.walBytes };
const storedBytes: Metric = {
  reads: ['dataBytes', 'walBytes'],
  of: (usage) => usage.dataBytes + usage.walBytes,
};

const legacyMetrics = {
  active_time_seconds: activeSeconds,
  compute_time_seconds: cuSeconds,
  written_data_bytes: writtenBytes,
  synthetic_storage_size_bytes: storedBytes,
  data_storage_bytes_hour: byHours(storedBytes),
  logical_size_bytes: logicalBytes,
  logical_size_bytes_hour: byHours(logicalBytes),
} as const satisfies Record<string, Metric>;

const branchMetrics = {
  compute_unit_seconds: cuSeconds,
  root_branch_bytes_month: ofBranches(byMonths(logicalBytes), { isRoot: true }),
  child_branch_bytes_month: ofBranches(byMonths(logicalBytes), { isRoot: false }),
  instant_restore_bytes_month: byMonths(walBytes),
  public_network_transfer_bytes: bytesOut,
  private_network_transfer_bytes: nothing,
} as const satisfies Record<string, Metric>;

const projectMetrics = {
  ...branchMetrics,
  extra_branches_month: nothing,
  snapshot_storage_bytes_month: nothing,
} as const satisfies Record<string, Metric>;

/** The metrics of one operation by the contract's names. */
const metricSets = {
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

/** A metric of an answer. */
export interface ShownMetric {
  readonly name: string;
  /** Its value over the branches of a frame, in whole units. */
  readonly valueOf: (usages: readonly FrameUsage[]) => number;
}

/** Metrics of one operation, and what has to be known for them. */
export function shownMetrics(
  set: keyof typeof metricSets,
  names: readonly string[],
): { readonly metrics: readonly ShownMetric[]; readonly measures: ReadonlySet<Measure> } {
  const known: Readonly<Record<string, Metric>> = metricSets[set];
  const wanted = names.map((name) => ({ name, ...(known[name] ?? nothing) }));
  return {
    metrics: wanted.map(({ name, of }) => ({
      name,
      valueOf: (usages) => Math.round(usages.reduce((sum, usage) => sum + of(usage), 0)),
    })),
    measures: new Set(wanted.flatMap(({ reads }) => reads)),
  };
}

function byHours({ reads, of }: Metric): Metric {
  return { reads, of: (usage) => of(usage) * usage.hours };
}

function byMonths({ reads, of }: Metric): Metric {
  return { reads, of: (usage) => (of(usage) * usage.hours) / usage.hoursOfMonth };
}

function ofBranches({ reads, of }: Metric, { isRoot }: { readonly isRoot: boolean }): Metric {
  return { reads, of: (usage) => (usage.isRoot === isRoot ? of(usage) : 0) };
}
