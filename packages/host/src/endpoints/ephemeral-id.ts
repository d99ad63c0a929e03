import type { EndpointId, EndpointSpec } from '@pgfleet/contract';

export const EPHEMERAL_PREFIX = 'ep-at-';

/** Whether an endpoint exists only to show the past to those who have logged in elsewhere. */
export function isEphemeral(endpointId: EndpointId): boolean {
  return endpointId.startsWith(EPHEMERAL_PREFIX);
}

/** The specification of a view of the past. */
export interface ViewSpec extends EndpointSpec {
  /** The endpoint whose past it is; on disk with the rest, for what was used until a host was killed. */
  readonly shows: EndpointId;
}

/** The endpoint whose past a view shows; undefined for what is no view. */
export function shownBy(spec: EndpointSpec): EndpointId | undefined {
  return (spec as Partial<ViewSpec>).shows;
}
