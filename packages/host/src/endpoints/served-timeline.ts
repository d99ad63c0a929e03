import { createHash } from 'node:crypto';
import type { EndpointSpec, TimelineId } from '@pgfleet/contract';
import { isEphemeral } from './ephemeral-id.ts';

/** What a compute is launched for. */
export interface ComputeSpec extends EndpointSpec {
  /** The timeline that {@link timelineId} follows, if it is not the branch's own. */
  readonly follows?: TimelineId;
}

const DIGITS = 20;

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
  const digest = createHash('sha256').update(`${endpointId} ${timelineId}`).digest();
  const name = Array.from(digest.subarray(0, DIGITS), (byte) => (byte % 36).toString(36)).join('');
  return `tl-${name}` as TimelineId;
}

export function computeSpec(spec: EndpointSpec): ComputeSpec {
  if (!isReplica(spec)) return spec;
  return { ...spec, timelineId: servedTimelineId(spec), follows: spec.timelineId };
}
