import type { BranchId, OrganizationId, ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type {
  BranchSizes,
  FrameRange,
  MeteredBranch,
  MeteredFrame,
} from '../domain/consumption.ts';
import { groupBy } from '../domain/group-by.ts';
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

const unitOf = { daily: 'day', monthly: 'month' } as const;

/** Whose consumption is loaded: that of all branches of projects, or of some of them. */
interface ConsumptionScope {
  readonly projectIds: readonly string[];
  readonly branchIds?: readonly string[];
}

/** Loads what was metered of the branches of projects, or of some of them, by frames. */
export async function loadConsumption(
  db: Database,
  scope: ConsumptionScope,
  range: FrameRange,
): Promise<MeteredBranch[]> {
  const [branches, frames] = await Promise.all([
    loadBranches(db, scope, range),
    loadFrames(db, scope, range),
  ]);
  const byBranch = groupBy(frames, ({ branchId }) => branchId);
  return branches.map(({ measured, ...branch }) => ({
    ...branch,
    before: sizesOf({ ...branch, measured }),
    frames: (byBranch.get(branch.branchId) ?? []).map(frameOf),
  }));
}

/**
 * Sizes as a row has them; all null where nothing was measured. Of times there are many: they come
 * in milliseconds, which need no parsing.
 */
interface SizesRow {
  readonly measured: number | null;
  readonly logical_bytes: number | null;
  readonly data_bytes: number | null;
  readonly wal_bytes: number | null;
}

type BranchRow = Omit<MeteredBranch, 'before' | 'frames'> & SizesRow;
type FrameRow = Omit<MeteredFrame, 'sizes' | 'start'> &
  SizesRow & { readonly branchId: BranchId; readonly start: number };

// Every branch with its sizes as measured last before the range.
async function loadBranches(
  db: Database,
  scope: ConsumptionScope,
  { from }: FrameRange,
): Promise<BranchRow[]> {
  const { rows } = await sql<BranchRow>`
    select b.project_id as "projectId", b.id as "branchId", b.parent_id is null as "isRoot",
      b.deleted_at as "deletedAt", last.*
    from branches b left join lateral (
      select ${millisecondsOf('hour')} as measured, logical_bytes, data_bytes, wal_bytes from consumption c
      where c.project_id = b.project_id and c.branch_id = b.id and c.hour < ${from}
        and c.data_bytes is not null
      order by c.hour desc limit 1
    ) last on true
    where ${isWithin(scope, 'b.project_id', 'b.id')}`.execute(db);
  return rows;
}

// Sums of a frame, and the sizes of its last measurement, ascending.
async function loadFrames(
  db: Database,
  scope: ConsumptionScope,
  { from, to, granularity }: FrameRange,
): Promise<FrameRow[]> {
  const isMetered = sql`${isWithin(scope, 'project_id', 'branch_id')}
    and hour >= ${from} and hour < ${to}`;
  const { rows } = await (granularity === 'hourly'
    ? sql<FrameRow>`
        select branch_id as "branchId", ${millisecondsOf('hour')} as start,
          active_seconds, cu_seconds, bytes_out,
          case when data_bytes is not null then ${millisecondsOf('hour')} end as measured,
          logical_bytes, data_bytes, wal_bytes
        from consumption where ${isMetered} order by hour`
    : sql<FrameRow>`
        select frame."branchId", ${millisecondsOf('frame.start')} as start,
          frame.active_seconds, frame.cu_seconds, frame.bytes_out,
          ${millisecondsOf('frame.measured')} as measured,
          sizes.logical_bytes, sizes.data_bytes, sizes.wal_bytes
        from (
          select project_id, branch_id as "branchId",
            date_trunc(${unitOf[granularity]}, hour, 'UTC') as start,
            sum(active_seconds) as active_seconds, sum(cu_seconds) as cu_seconds,
            sum(bytes_out) as bytes_out,
            max(hour) filter (where data_bytes is not null) as measured
          from consumption where ${isMetered} group by project_id, branch_id, start
        ) frame
          left join lateral (
            select logical_bytes, data_bytes, wal_bytes from consumption c
            where c.project_id = frame.project_id and c.branch_id = frame."branchId"
              and c.hour = frame.measured
            limit 1 -- One by one: a join would be planned as a walk along all there is.
          ) sizes on true
        order by frame.start`
  ).execute(db);
  return rows;
}

function isWithin({ projectIds, branchIds }: ConsumptionScope, project: string, branch: string) {
  const isOfProject = sql`${sql.ref(project)} = any(${[...projectIds]})`;
  return branchIds
    ? sql`${isOfProject} and ${sql.ref(branch)} = any(${[...branchIds]})`
    : isOfProject;
}

function millisecondsOf(column: string) {
  return sql`(extract(epoch from ${sql.ref(column)}) * 1000)::double precision`;
}

function frameOf(row: FrameRow): MeteredFrame {
  const { start, active_seconds, cu_seconds, bytes_out } = row;
  const sizes = sizesOf(row);
  return { start: new Date(start), active_seconds, cu_seconds, bytes_out, sizes };
}

function sizesOf({ measured, logical_bytes, data_bytes, wal_bytes }: SizesRow): BranchSizes | null {
  if (measured === null) return null;
  return {
    since: new Date(measured),
    logical: logical_bytes ?? 0,
    data: data_bytes ?? 0,
    wal: wal_bytes ?? 0,
  };
}
