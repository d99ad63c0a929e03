import type { EndpointSpec, TimelineId } from '@pgfleet/contract';
import { derivedName } from './derived-name.ts';
import { isEphemeral } from './ephemeral-id.ts';

/** What a compute is launched for. */
export interface ComputeSpec extends EndpointSpec {
  /** The timeline that {@link timelineId} follows, if it is not the branch's own. */
  readonly follows?: TimelineId;
}

/** Whether an endpoint reads what another one writes. */
export function isReplica({
  type,
  endpointId,
}: Pick<EndpointSpec, 'type' | 'endpointId'>): boolean {
  return type === 'read_only' && !isEphemeral(endpointId);
}

/**
 * The timeline that an endpoint's compute runs on: its branch's, or for a replica one of its own, since
 * a timeline has one compute.
 */
export function servedTimelineId(spec: EndpointSpec): TimelineId {
  const { endpointId, timelineId } = spec;
  if (!isReplica(spec)) return timelineId;
  return `tl-${derivedName(`${endpointId} ${timelineId}`)}` as TimelineId;
}

export function computeSpec(spec: EndpointSpec): ComputeSpec {
  if (!isReplica(spec)) return spec;
  return { ...spec, timelineId: servedTimelineId(spec), follows: spec.timelineId };
}
