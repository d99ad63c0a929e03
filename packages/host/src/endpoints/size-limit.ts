import type { EndpointSpec } from '@pgfleet/contract';
import type { HistoryRecord } from '../history/history-record.ts';

/** Whether a timeline was larger, when it was last measured, than its endpoint may have it. */
export function isOverSizeLimit(
  { logicalSizeLimitBytes: limit }: Pick<EndpointSpec, 'logicalSizeLimitBytes'>,
  { logicalBytes }: Pick<HistoryRecord, 'logicalBytes'>,
): boolean {
  return limit !== undefined && logicalBytes !== null && logicalBytes > limit;
}
