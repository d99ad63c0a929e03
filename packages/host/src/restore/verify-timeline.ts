import { PgfleetError } from '@pgfleet/contract';
import type { ErrorCode, TimelineId, VerifyReport, VerifyRequest } from '@pgfleet/contract';
import { lossAt } from '../history/lost-window.ts';
import { timestampMicros } from '../history/nearest-point.ts';
import { restoreWindow } from '../history/restore-window.ts';
import { captureRunningPoint } from './capture-point.ts';
import { compareCounts } from './compare-counts.ts';
import type { CopyParts } from './copy-parts.ts';
import { drillRoutes, markDrillHead } from './drill-routes.ts';
import type { DrillHead, DrillRoute, DrillTarget } from './drill-routes.ts';
import { withPastCopy } from './past-copy.ts';
import { countCopy, readCopy } from './read-copy.ts';
import type { CopyCounts, CopyFindings } from './read-copy.ts';

const MAX_PROBLEMS = 100;
const MICROS_PER_SECOND = 1_000_000;
const HEAD = { kind: 'head' } as const;

interface VerifyOptions extends VerifyRequest {
  readonly signal: AbortSignal;
}

interface Drill {
  readonly timelineId: TimelineId;
  readonly signal: AbortSignal;
  readonly head: DrillHead;
  readonly target: DrillTarget;
}

/**
 * A drill: restores a timeline as of a point, a random one of its window unless said otherwise, into
 * an instance that is thrown away, and reads all of it. Where another way leads to the same point it
 * is gone as well, and the rows of all tables have to be as many. In the end the head of the moment
 * at which the drill began is restored, to see how much of it can be.
 *
 * @throws PgfleetError when the restore itself fails, which is what a drill is for; the reason of the
 * signal.
 */
export async function verifyTimeline(
  parts: CopyParts,
  timelineId: TimelineId,
  { at, signal }: VerifyOptions,
): Promise<VerifyReport> {
  const isFree = at === undefined || at.kind === 'head';
  const hasNewPoint = isFree && (await takeSecondPoint(parts, timelineId, signal));
  const head = await markDrillHead(parts, timelineId, signal);
  const wanted = hasNewPoint ? HEAD : at;
  const target = await chooseTarget(parts, { timelineId, head }, wanted);
  const drill = { timelineId, signal, head, target };
  const [usual, other] = await drillRoutes(parts, timelineId, drill);
  const first = await readFirst(parts, drill, usual);
  const second = other ? await countSecond(parts, drill, other) : undefined;
  const recovery = await measureRecoveryPoint(parts, drill);
  const differences = second?.counts ? compareCounts(first, second.counts) : [];
  const problems = [first, second, recovery].flatMap((found) => found?.problems ?? []);
  return {
    timelineId,
    at: drill.target,
    lsn: first.lsn,
    restoreMs: first.restoreMs,
    recoveryPointSeconds: recovery.seconds,
    amcheck: first.amcheck,
    compared: second?.counts !== undefined,
    databases: first.databases,
    relations: first.relations,
    rows: [...first.tables.values()].reduce((total, { rows }) => total + rows, 0),
    problems: [...differences, ...problems].slice(0, MAX_PROBLEMS),
  };
}

/**
 * Takes a point of a compute that has had no more than one: one way leads to all that it was until
 * then, and two to its head from now on.
 */
async function takeSecondPoint(
  parts: CopyParts,
  timelineId: TimelineId,
  signal: AbortSignal,
): Promise<boolean> {
  const run = parts.claims.running(timelineId);
  const { points } = await parts.histories.get(timelineId);
  if (!run || points.length > 1) return false;
  try {
    await captureRunningPoint(parts, run, signal);
    return true;
  } catch (error) {
    // At rest it needs none.
    if (run.isUsable) throw error;
    return false;
  }
}

/**
 * A random point that two ways lead to. While there is one way to all of them but to the head of a
 * timeline at rest, that is chosen.
 */
async function chooseTarget(
  parts: CopyParts,
  { timelineId, head }: Pick<Drill, 'timelineId' | 'head'>,
  at: VerifyRequest['at'],
): Promise<DrillTarget> {
  const present: DrillTarget = { kind: 'lsn', lsn: head.lsn };
  if (at) return at.kind === 'head' ? present : at;
  const { spec } = parts.timelines.ready(timelineId);
  const now = new Date();
  const history = await parts.histories.get(timelineId);
  const window = restoreWindow(history, spec.historyRetentionSeconds, now);
  if (window.at === undefined) return present;
  const from = Date.parse(window.at);
  const ms = from + Math.random() * (now.getTime() - from);
  const target = { kind: 'time', at: new Date(ms).toISOString() } as const;
  const [, other] = await drillRoutes(parts, timelineId, { target, head });
  return other || !head.rest ? target : present;
}

interface FirstCopy extends CopyFindings {
  readonly lsn: string;
  readonly restoreMs: number;
}

// Another point may lead there as well, which is what a restore would do: but one is damaged.
async function readFirst(parts: CopyParts, drill: Drill, route: DrillRoute): Promise<FirstCopy> {
  try {
    return await readRoute(parts, drill, route);
  } catch (error) {
    if (!route.from || !isOneOf(error, 'history_damaged', 'point_not_available')) throw error;
    const usual = await readRoute(parts, drill, {});
    return { ...usual, problems: [...damageIn(error), ...usual.problems] };
  }
}

function readRoute(
  parts: CopyParts,
  { timelineId, target, signal }: Drill,
  { from }: DrillRoute,
): Promise<FirstCopy> {
  const begin = performance.now();
  return withPastCopy(parts, { timelineId, at: target, from, signal }, async (access) => {
    await access.connection.query('SELECT 1');
    const restoreMs = performance.now() - begin;
    return { ...(await readCopy(access)), lsn: access.origin.lsn, restoreMs };
  });
}

interface SecondCopy {
  /** None when its point of history is not there any more, or damaged. */
  readonly counts?: CopyCounts;
  readonly problems: readonly string[];
}

async function countSecond(
  parts: CopyParts,
  { timelineId, target, signal }: Drill,
  { from }: DrillRoute,
): Promise<SecondCopy> {
  try {
    const past = { timelineId, at: target, from, signal };
    const counts = await withPastCopy(parts, past, countCopy);
    return { counts, problems: counts.problems };
  } catch (error) {
    if (!isOneOf(error, 'history_damaged', 'point_not_available')) throw error;
    return { problems: damageIn(error) };
  }
}

interface RecoveryPoint {
  readonly seconds: number;
  readonly problems: readonly string[];
}

/** How far the last commit that can be restored lies behind the mark that the drill began with. */
async function measureRecoveryPoint(
  parts: CopyParts,
  { timelineId, head, signal }: Drill,
): Promise<RecoveryPoint> {
  // What lies there needs no restore.
  if (head.rest) return { seconds: 0, problems: [] };
  const at = { kind: 'lsn', lsn: head.lsn } as const;
  try {
    const past = { timelineId, at, signal };
    const found = await withPastCopy(parts, past, async ({ origin }) => origin.at);
    return { seconds: secondsBetween(found, head.at), problems: [] };
  } catch (error) {
    if (!isOneOf(error, 'history_damaged')) throw error;
    const loss = lossAt(await parts.histories.get(timelineId), at);
    if (!loss) throw error;
    const problem = `the head cannot be restored: ${(error as Error).message}`;
    return { seconds: secondsBetween(loss.fromAt, head.at), problems: [problem] };
  }
}

function secondsBetween(from: string, to: string): number {
  return Math.max(0, (timestampMicros(to) - timestampMicros(from)) / MICROS_PER_SECOND);
}

function isOneOf(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return error instanceof PgfleetError && codes.includes(error.code);
}

// That retention has let go of a point meanwhile is no damage.
function damageIn(error: unknown): readonly string[] {
  return isOneOf(error, 'history_damaged') ? [(error as Error).message] : [];
}
