import type { BranchId, OrganizationId, ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type {
  BranchSizes,
  FrameRange,
  MeteredBranch,
  MeteredFrame,
} from '../domain/consumption.ts';
import type { Database } from './database.ts';
import { belongsTo } from './project-access.ts';
import { ownPage } from './project-pages.ts';
import type { ProjectPage } from './project-pages.ts';

/** Lists the projects of a page of consumption by id. */
export async function listConsumedProjects(
  db: Database,
  organizationIds: readonly OrganizationId[],
  page: ProjectPage,
): Promise<ProjectId[]> {
  const { rows } = await sql<{ id: ProjectId }>`${ownPage(organizationIds, page)}`.execute(db);
  return rows.map(({ id }) => id);
}

/** Lists the projects of a page of consumption, the newest first. */
export async function listNewestProjects(
  db: Database,
  organizationId: OrganizationId,
  { cursor, among = [], limit }: Omit<ProjectPage, 'search' | 'recoverable'>,
): Promise<ProjectId[]> {
  const rows = await db
    .selectFrom('projects')
    .select('id')
    .where(belongsTo([organizationId]))
    .where('deleted_at', 'is', null)
    .$if(among.length > 0, (qb) => qb.where(sql<boolean>`id = any(${[...among]})`))
    .$if(cursor !== undefined, (qb) =>
      qb.where(sql<boolean>`(created_at, id) < (
        select last.created_at, last.id from projects last where last.id = ${cursor})`),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** A branch within its project. */
export interface ConsumedBranch {
  readonly project_id: ProjectId;
  readonly id: BranchId;
}

export interface ConsumedBranchPage {
  readonly organizationId: OrganizationId;
  readonly projectIds: readonly string[];
  /** None for all of them. */
  readonly branchIds: readonly string[];
  readonly after?: { readonly projectId: string; readonly branchId: string } | undefined;
  readonly limit: number;
}

/** Lists the branches of a page of consumption, by project and id; deleted ones too. */
export function listConsumedBranches(
  db: Database,
  page: ConsumedBranchPage,
): Promise<ConsumedBranch[]> {
  const { after, branchIds } = page;
  return (
    db
      .selectFrom('branches')
      .innerJoin('projects', 'projects.id', 'branches.project_id')
      .select(['branches.project_id', 'branches.id'])
      .where(belongsTo([page.organizationId]))
      .where('projects.deleted_at', 'is', null)
      .where(sql<boolean>`branches.project_id = any(${[...page.projectIds]})`)
      // Of the same projects: else all of the organization would be gone through to find them.
      .where(sql<boolean>`projects.id = any(${[...page.projectIds]})`)
      .$if(branchIds.length > 0, (qb) =>
        qb.where(sql<boolean>`branches.id = any(${[...branchIds]})`),
      )
      .$if(after !== undefined, (qb) =>
        qb.where(
          sql<boolean>`(branches.project_id, branches.id) > (${after?.projectId}, ${after?.branchId})`,
        ),
      )
      .orderBy('branches.project_id')
      .orderBy('branches.id')
      .limit(page.limit)
      .execute()
  );
}

/** Whose consumption is loaded: that of all branches of projects, or of some of them. */
interface ConsumptionScope {
  readonly projectIds: readonly string[];
  readonly branchIds?: readonly string[];
}

/** Loads what was metered of the branches of projects, or of some of them, by frames. */
export async function loadConsumption(
  db: Database,
  { projectIds, branchIds }: ConsumptionScope,
  range: FrameRange,
): Promise<MeteredBranch[]> {
  const { rows } = await sql<BranchRow>`
    select b.project_id as "projectId", b.id as "branchId", b.parent_id is null as "isRoot",
      b.deleted_at as "deletedAt", (${sizesBefore(range)}) as before,
      (${framesOf(range)}) as frames
    from branches b
    where b.project_id = any(${[...projectIds]})
      ${branchIds ? sql`and b.id = any(${[...branchIds]})` : sql``}`.execute(db);
  return rows.map((row) => ({
    projectId: row.projectId,
    branchId: row.branchId,
    isRoot: row.isRoot,
    deletedAtMs: row.deletedAt && row.deletedAt.getTime(),
    before: row.before === null ? null : readSizes(row.before),
    frames: row.frames === null ? [] : readFrames(row.frames),
  }));
}

/**
 * A branch with what was metered of it. A year of a thousand branches has more frames than could be
 * had as rows of their own in good time: they come as JSON that consists of numbers.
 */
interface BranchRow extends Omit<MeteredBranch, 'before' | 'frames' | 'deletedAtMs'> {
  readonly deletedAt: Date | null;
  readonly before: string | null;
  readonly frames: string | null;
}

type Sizes = readonly [sinceMs: number, logical: number, data: number, wal: number];
type Counts = readonly [active: number, cu: number, bytesOut: number, written: number];
/** The sizes are since so long after the start; data is negative where nothing was measured. */
type Frame = readonly [startMs: number, ...Counts, ...Sizes];

function readSizes(numbers: string): BranchSizes {
  const [sinceMs, logical, data, wal] = JSON.parse(`[${numbers}]`) as Sizes;
  return { sinceMs, logical, data, wal };
}

function readFrames(frames: string): MeteredFrame[] {
  return (JSON.parse(`[[${frames}]]`) as Frame[]).map(readFrame);
}

function readFrame([
  startMs,
  activeSeconds,
  cuSeconds,
  bytesOut,
  writtenBytes,
  afterMs,
  logical,
  data,
  wal,
]: Frame): MeteredFrame {
  const sizes = data < 0 ? null : { sinceMs: startMs + afterMs, logical, data, wal };
  return { startMs, activeSeconds, cuSeconds, bytesOut, writtenBytes, sizes };
}

// As measured last before the range.
function sizesBefore({ from }: FrameRange) {
  return sql`select concat_ws(',', ${millisecondsOf('hour')}, coalesce(logical_bytes, 0), data_bytes,
      coalesce(wal_bytes, 0))
    from consumption c
    where c.project_id = b.project_id and c.branch_id = b.id and c.hour < ${from}
      and c.data_bytes is not null
    order by c.hour desc limit 1`;
}

const unitOf = { daily: 'day', monthly: 'month' } as const;

// Sums of a frame, and the sizes of its last measurement, ascending.
function framesOf({ from, to, granularity }: FrameRange) {
  const isMetered = sql`c.project_id = b.project_id and c.branch_id = b.id
    and c.hour >= ${from} and c.hour < ${to}`;
  if (granularity === 'hourly') {
    return sql`select string_agg(concat_ws(',', ${millisecondsOf('hour')}, active_seconds, cu_seconds,
        bytes_out, written_bytes, 0, coalesce(logical_bytes, 0), coalesce(data_bytes, -1),
        coalesce(wal_bytes, 0)), '],[' order by hour)
      from consumption c where ${isMetered}`;
  }
  return sql`select string_agg(concat_ws(',', ${millisecondsOf('start')}, active_seconds, cu_seconds,
      bytes_out, written_bytes, coalesce(last[1] - ${millisecondsOf('start')}, 0),
      coalesce(last[2], 0), coalesce(last[3], -1), coalesce(last[4], 0)), '],[' order by start)
    from (
      select date_trunc(${unitOf[granularity]}, hour, 'UTC') as start,
        sum(active_seconds) as active_seconds, sum(cu_seconds) as cu_seconds,
        sum(bytes_out) as bytes_out, sum(written_bytes) as written_bytes,
        -- The greatest one is the last.
        max(array[${millisecondsOf('hour')}, logical_bytes, data_bytes, wal_bytes])
          filter (where data_bytes is not null) as last
      from consumption c where ${isMetered} group by start
    ) sums`;
}

function millisecondsOf(column: string) {
  return sql`date_part('epoch', ${sql.ref(column)}) * 1000`;
}
