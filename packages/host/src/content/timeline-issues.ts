import { AdminConnection, findIssues } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { AdvisorIssueList, IssuesRequest, TimelineId } from '@pgfleet/contract';
import { hasErrorCode } from '@pgfleet/kit';
import type { ComputeRun } from '../endpoints/compute-run.ts';
import type { CopyParts } from '../restore/copy-parts.ts';
import { withPastCopy } from '../restore/past-copy.ts';

interface IssuesOptions extends IssuesRequest {
  readonly signal: AbortSignal;
}

// More than a check has, which so ends by itself.
const STATEMENT_TIMEOUT_MS = 20_000;
// Ended by an administrator, by a crash, not yet or no more open; none left.
const NO_CONNECTION = ['57P01', '57P02', '57P03', '53300'] as const;
// No such database, and one that lets nobody in.
const NOT_TO_BE_ENTERED = ['3D000', '55000'] as const;

/**
 * Looks for mistakes in a database as it is now: in the compute that runs, whose statistics know more,
 * or in a copy as for its definitions. No endpoint is woken, and none kept from its rest.
 *
 * @throws PgfleetError `timeline_not_found`, `database_not_found`, `too_many_requests`; ComputeError
 * `analysis_too_slow`; the reason of the signal.
 */
export async function timelineIssues(
  parts: CopyParts,
  timelineId: TimelineId,
  options: IssuesOptions,
): Promise<AdvisorIssueList> {
  parts.timelines.ready(timelineId);
  return parts.analyses.run(async () => {
    const run = parts.claims.running(timelineId);
    const told = run && (await issuesInRun(run, options));
    return told ?? issuesInCopy(parts, timelineId, options);
  }, options.signal);
}

/** Returns nothing when the compute is going to rest, or has no connection left. */
async function issuesInRun(
  run: ComputeRun,
  options: IssuesOptions,
): Promise<AdvisorIssueList | undefined> {
  const { signal } = options;
  try {
    return await issuesIn(options, (database) =>
      run.connect({ database, timeoutMs: STATEMENT_TIMEOUT_MS, signal }),
    );
  } catch (error) {
    if (signal.aborted || (run.isUsable && !hasErrorCode(error, ...NO_CONNECTION))) throw error;
    return undefined;
  }
}

function issuesInCopy(
  parts: CopyParts,
  timelineId: TimelineId,
  options: IssuesOptions,
): Promise<AdvisorIssueList> {
  const { signal } = options;
  const past = { timelineId, at: { kind: 'head' }, signal } as const;
  return withPastCopy(parts, past, ({ socketDirectory, secrets }) =>
    issuesIn(options, (database) => AdminConnection.open({ socketDirectory, secrets, database })),
  );
}

async function issuesIn(
  { database, category, minLevel, signal }: IssuesOptions,
  open: (database: string) => Promise<AdminConnection>,
): Promise<AdvisorIssueList> {
  await using connection = await open(database).catch((error: unknown) => {
    if (!hasErrorCode(error, ...NOT_TO_BE_ENTERED)) throw error;
    throw new PgfleetError('database_not_found', { cause: error });
  });
  const issues = await findIssues(connection, { category, minLevel, signal });
  return { issues };
}
