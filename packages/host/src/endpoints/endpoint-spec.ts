import type { EndpointSpec } from '@pgfleet/contract';

export function isEndpointSpec(value: unknown): value is EndpointSpec {
  if (typeof value !== 'object' || value === null) return false;
  return 'endpointId' in value && 'timelineId' in value && 'generation' in value;
}
