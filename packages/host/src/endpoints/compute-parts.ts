import { LimitGroup } from '@pgfleet/compute';
import type { InstancePlace, InstanceRecord, LimitSupport, Sandbox } from '@pgfleet/compute';
import type { EndpointId, TimelineId } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import type { Volume } from '@pgfleet/volume';
import type { HostLayout } from '../storage/host-layout.ts';
import type { RecordStore } from '../storage/record-store.ts';
import type { PostgresBuilds } from '../timelines/postgres-builds.ts';
import type { Timelines } from '../timelines/timelines.ts';

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
export interface ComputeParts {
  readonly layout: HostLayout;
  readonly volume: Volume;
  readonly timelines: Timelines;
  readonly builds: PostgresBuilds;
  readonly sandbox: Sandbox;
  readonly limitSupport: LimitSupport;
  readonly computes: RecordStore<ComputeRecord>;
  readonly log: Logger;
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
