import { PgfleetError } from '@pgfleet/contract';
import type { HostClient } from '@pgfleet/contract';
import type { Database } from '../store/database.ts';
import type { BranchRow } from '../store/schema.ts';
import { findTimelineHost } from '../store/timelines.ts';
import type { ApiContext } from './api-context.ts';

type OwnData = Pick<BranchRow, 'timeline_id' | 'current_state'>;

/**
 * The host that has the data of a branch, to be asked while a request waits.
 *
 * @throws PgfleetError `branch_not_ready` until the data was made.
 */
export async function hostOfBranch(
  branch: OwnData,
  { db, connectHost }: Pick<ApiContext, 'db' | 'connectHost'>,
): Promise<HostClient> {
  return connectHost(await hostAddressOf(branch, db));
}

/** @throws PgfleetError `branch_not_ready`. */
export async function hostAddressOf(branch: OwnData, db: Database): Promise<string> {
  const host = await findTimelineHost(db, branch.timeline_id);
  if (!host || branch.current_state === 'init') throw new PgfleetError('branch_not_ready');
  return host.address;
}
