import { PgfleetError } from '@pgfleet/contract';
import type { HostClient } from '@pgfleet/contract';
import type { BranchRow } from '../store/schema.ts';
import { findTimelineHost } from '../store/timelines.ts';
import type { ApiContext } from './api-context.ts';

/**
 * The host that has the data of a branch, to be asked while a request waits.
 *
 * @throws PgfleetError `branch_not_ready` until the data was made.
 */
export async function hostOfBranch(
  branch: Pick<BranchRow, 'timeline_id' | 'current_state'>,
  { db, connectHost }: Pick<ApiContext, 'db' | 'connectHost'>,
): Promise<HostClient> {
  const host = await findTimelineHost(db, branch.timeline_id);
  if (!host || branch.current_state === 'init') throw new PgfleetError('branch_not_ready');
  return connectHost(host.address);
}
