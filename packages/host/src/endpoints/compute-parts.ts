import { LimitGroup } from '@pgfleet/compute';
import type { InstancePlace, InstanceRecord, LimitSupport } from '@pgfleet/compute';
import type { EndpointId, TimelineId } from '@pgfleet/contract';
import type { CopyParts } from '../restore/copy-parts.ts';
import type { RecordStore } from '../storage/record-store.ts';

/** What a restarted host needs to find a compute that went on without it. */
export interface ComputeRecord {
  readonly endpointId: EndpointId;
  readonly timelineId: TimelineId;
  readonly startedAt: string;
  /** Null from just before the start until just after it. */
  readonly instance: InstanceRecord | null;
}

export function isComputeRecord(value: unknown): value is ComputeRecord {
  return typeof value === 'object' && value !== null && 'endpointId' in value;
}

/** What computes are made from; the same for all of a host. */
export interface ComputeParts extends CopyParts {
  readonly limitSupport: LimitSupport;
  readonly computes: RecordStore<ComputeRecord>;
}

/** Where the instance of an endpoint on a timeline keeps things. */
export function instancePlace(
  { layout, timelines }: ComputeParts,
  { endpointId, timelineId }: Pick<ComputeRecord, 'endpointId' | 'timelineId'>,
): InstancePlace {
  return {
    dataDirectory: timelines.dataDirectory(timelineId),
    socketDirectory: layout.sockets(endpointId),
    lockPath: layout.lock(timelineId),
  };
}

/** The control group of an endpoint's compute. */
export function limitGroup(parts: ComputeParts, endpointId: EndpointId): LimitGroup {
  return LimitGroup.open(`pgfleet-${endpointId}`, parts.limitSupport);
}
