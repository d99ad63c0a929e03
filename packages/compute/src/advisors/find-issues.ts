import { hasErrorCode } from '@pgfleet/kit';
import type { AdminConnection } from '../admin-connection.ts';
import { ComputeError } from '../compute-error.ts';
import { ADVISOR_LEVELS } from './advisor-check.ts';
import type { AdvisorCategory, AdvisorCheck, AdvisorIssue, AdvisorLevel } from './advisor-check.ts';
import { performanceChecks } from './performance-checks.ts';
import { securityChecks } from './security-checks.ts';

export interface FindIssuesOptions {
  /** Both when left out. */
  readonly category?: AdvisorCategory | undefined;
  /** The least level that is told; `INFO` when left out. */
  readonly minLevel?: AdvisorLevel | undefined;
  /** For one check; 10,000 when left out. */
  readonly checkTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** How many issues are told at most. */
export const MAX_ISSUES = 1000;

const CHECK_TIMEOUT_MS = 10_000;
const TIMEOUT_MS = 30_000;
const QUERY_CANCELED = '57014';

// What a tenant has set for a database must not change the answer, and nobody's statement goes on.
const SESSION = [
  'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY, NOT DEFERRABLE',
  'SET quote_all_identifiers = off',
  'SET client_connection_check_interval = 1000',
];

/**
 * Looks for mistakes in the database that a connection is to, which serves for nothing else afterwards.
 * Reads the catalogue and the statistics of Postgres, nothing of the tenant's. The worst come first,
 * {@link MAX_ISSUES} at most.
 *
 * @throws ComputeError `analysis_too_slow`; the reason of the signal.
 */
export async function findIssues(
  connection: AdminConnection,
  {
    category,
    minLevel = 'INFO',
    checkTimeoutMs = CHECK_TIMEOUT_MS,
    signal,
  }: FindIssuesOptions = {},
): Promise<readonly AdvisorIssue[]> {
  const deadline = performance.now() + TIMEOUT_MS;
  const levels = ADVISOR_LEVELS.slice(0, ADVISOR_LEVELS.indexOf(minLevel) + 1);
  const checks = [...securityChecks, ...performanceChecks].filter(
    (check) =>
      levels.includes(check.level) && (category === undefined || check.category === category),
  );
  await connection.script([...SESSION, `SET statement_timeout = ${checkTimeoutMs}`]);
  const found: AdvisorIssue[] = [];
  for (const check of checks) {
    signal?.throwIfAborted();
    if (performance.now() > deadline) throw tooSlow();
    found.push(...(await runCheck(connection, check, levels)));
  }
  const worstFirst = levels.flatMap((level) => found.filter((issue) => issue.level === level));
  return worstFirst.slice(0, MAX_ISSUES);
}

interface IssueRow {
  readonly key: string;
  readonly level: AdvisorLevel;
  readonly detail: string;
  readonly metadata: Record<string, unknown>;
}

async function runCheck(
  connection: AdminConnection,
  { category, rowLevel, sql, level, ...subject }: AdvisorCheck,
  levels: readonly AdvisorLevel[],
): Promise<readonly AdvisorIssue[]> {
  const rows = await readRows(
    connection,
    `SELECT key, level, detail, metadata
      FROM (SELECT *, ${rowLevel ?? `'${level}'`} AS level FROM (${sql}) AS row) AS issue
      WHERE level = ANY ($1::text[])
      ORDER BY array_position($1::text[], level), key COLLATE "C" LIMIT ${MAX_ISSUES}`,
    [levels],
  );
  return rows.map(({ key, ...issue }) => ({
    ...subject,
    ...issue,
    categories: [category],
    cache_key: `${subject.name}_${key}`,
  }));
}

async function readRows(
  connection: AdminConnection,
  sql: string,
  values: readonly unknown[],
): Promise<readonly IssueRow[]> {
  try {
    return await connection.query<IssueRow & Record<string, unknown>>(sql, values);
  } catch (error) {
    throw hasErrorCode(error, QUERY_CANCELED) ? tooSlow(error) : error;
  }
}

function tooSlow(cause?: unknown): ComputeError {
  const message = 'the database could not be analysed in time';
  return new ComputeError('analysis_too_slow', message, { cause });
}
