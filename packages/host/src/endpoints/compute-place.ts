import { createHash } from 'node:crypto';
import type { EndpointId } from '@pgfleet/contract';

/**
 * An endpoint has room for two computes: while it goes over to another timeline the one on the former
 * timeline runs on beside the one on the next.
 */
export type ComputePlace = 'first' | 'second';

const DIGITS = 16;

/**
 * What the sockets, the control group and the record of a compute are named after. The second place
 * has a short name: socket addresses have no room for more than an endpoint's id.
 */
export function placeId({
  endpointId,
  place = 'first',
}: {
  readonly endpointId: EndpointId;
  readonly place?: ComputePlace;
}): EndpointId {
  if (place === 'first') return endpointId;
  const digest = createHash('sha256').update(endpointId).digest('hex').slice(0, DIGITS);
  return `ep-2-${digest}` as EndpointId;
}

/** What all that an endpoint may have anywhere is named after. */
export function placeIds(endpointId: EndpointId): readonly EndpointId[] {
  return [placeId({ endpointId }), placeId({ endpointId, place: 'second' })];
}

/** The place that is left. */
export function besides(place: ComputePlace): ComputePlace {
  return place === 'first' ? 'second' : 'first';
}
