import { LimitGroup } from '@pgfleet/compute';
import type { InstancePlace, InstanceRecord, LimitSupport } from '@pgfleet/compute';
import type { EndpointId, TimelineId } from '@pgfleet/contract';
import { placeId } from './compute-place.ts';
import type { ComputePlace } from './compute-place.ts';
import type { CopyParts } from '../restore/copy-parts.ts';
import type { RecordStore } from '../storage/record-store.ts';
import type { RefusedSettings } from './refused-settings.ts';

/** What a restarted host needs to find a compute that went on without it. */
export interface ComputeRecord {
  readonly endpointId: EndpointId;
  readonly timelineId: TimelineId;
  /** Where it is, unless in the first place of its endpoint. */
  readonly place?: ComputePlace;
  readonly startedAt: string;
  /** Settings that it was started with more of than was asked for; none when left out. */
  readonly raised?: readonly string[];
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
  readonly refusedSettings: RefusedSettings;
}

/** A compute, as far as it says where things are kept. */
export type Placed = Pick<ComputeRecord, 'endpointId' | 'timelineId' | 'place'>;

/** Where the instance of an endpoint on a timeline keeps things. */
export function instancePlace(
  { layout, timelines }: ComputeParts,
  { timelineId, ...placed }: Placed,
): InstancePlace {
  return {
    dataDirectory: timelines.dataDirectory(timelineId),
    socketDirectory: layout.sockets(placeId(placed)),
    lockPath: layout.lock(timelineId),
  };
}

/** The control group of a compute. */
export function limitGroup(
  parts: Pick<ComputeParts, 'limitSupport'>,
  placed: Omit<Placed, 'timelineId'>,
): LimitGroup {
  return LimitGroup.open(`pgfleet-${placeId(placed)}`, parts.limitSupport);
}
