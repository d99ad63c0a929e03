import type { EndpointId } from '@pgfleet/contract';

export const EPHEMERAL_PREFIX = 'ep-at-';

/** Whether an endpoint exists only to show the past to those who have logged in elsewhere. */
export function isEphemeral(endpointId: EndpointId): boolean {
  return endpointId.startsWith(EPHEMERAL_PREFIX);
}
