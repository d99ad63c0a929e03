import { PgfleetError } from '@pgfleet/contract';
import type { ErrorCode, PointInTime } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import type { HostConnector } from '../operations/action.ts';
import type { DrillReport } from '../store/schema.ts';
import type { DrillTarget } from '../store/restore-drills.ts';

export interface VerifyContext {
  readonly connectHost: HostConnector;
  readonly log: Logger;
}

/** What a restore dies of when its history is not what it should be. */
const findings: ReadonlySet<ErrorCode> = new Set([
  'history_damaged',
  'compute_start_failed',
  'compute_start_timeout',
]);

/**
 * Has the host restore a branch into a compute that is thrown away and read all of it. Problems are
 * logged: they are lost data that nobody may have missed yet.
 *
 * @throws PgfleetError `point_not_available`, and what keeps the host from drilling at all.
 */
export async function verifyBranch(
  { connectHost, log }: VerifyContext,
  { address, timelineId, projectId, branchId }: DrillTarget,
  { at, signal }: { readonly at?: PointInTime | undefined; readonly signal: AbortSignal },
): Promise<DrillReport> {
  const report = await connectHost(address)
    .verify(timelineId, at ? { at } : {}, { signal })
    .catch((error: unknown): DrillReport => ({ problems: [findingOf(error)] }));
  const { problems } = report;
  if (problems.length > 0) {
    const subject = { project_id: projectId, branch_id: branchId, timeline_id: timelineId };
    log.error({ ...subject, problems, lsn: report.lsn }, 'restore drill found problems');
  }
  return report;
}

function findingOf(error: unknown): string {
  if (error instanceof PgfleetError && findings.has(error.code)) return error.message;
  throw error;
}
