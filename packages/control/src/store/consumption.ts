import type { BranchId, OrganizationId, ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { FrameRange, MeteredBranch } from '../domain/consumption.ts';
import type { Database } from './database.ts';
import { belongsTo } from './project-access.ts';

export interface ConsumedProjectPage {
  readonly organizationIds: readonly OrganizationId[];
  /** None for all of them. */
  readonly projectIds: readonly string[];
  readonly order: 'id' | 'newest';
  /** The last project of the page before. */
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** Lists the projects of a page of consumption. */
export async function listConsumedProjects(
  db: Database,
  page: ConsumedProjectPage,
): Promise<ProjectId[]> {
  const { cursor, projectIds } = page;
  const rows = await db
    .selectFrom('projects')
    .select('id')
    .where(belongsTo(page.organizationIds))
    .where('deleted_at', 'is', null)
    .$if(projectIds.length > 0, (qb) => qb.where(sql<boolean>`id = any(${[...projectIds]})`))
    .$if(page.order === 'id', (qb) =>
      qb.$if(cursor !== undefined, (q) => q.where('id', '>', cursor as ProjectId)).orderBy('id'),
    )
    .$if(page.order === 'newest', (qb) =>
      qb
        .$if(cursor !== undefined, (q) =>
          q.where(sql<boolean>`(created_at, id) < (
            select last.created_at, last.id from projects last where last.id = ${cursor})`),
        )
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc'),
    )
    .limit(page.limit)
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
  return db
    .selectFrom('branches')
    .innerJoin('projects', 'projects.id', 'branches.project_id')
    .select(['branches.project_id', 'branches.id'])
    .where(belongsTo([page.organizationId]))
    .where('projects.deleted_at', 'is', null)
    .where(sql<boolean>`branches.project_id = any(${[...page.projectIds]})`)
    .$if(branchIds.length > 0, (qb) => qb.where(sql<boolean>`branches.id = any(${[...branchIds]})`))
    .$if(after !== undefined, (qb) =>
      qb.where(
        sql<boolean>`(branches.project_id, branches.id) > (${after?.projectId}, ${after?.branchId})`,
      ),
    )
    .orderBy('branches.project_id')
    .orderBy('branches.id')
    .limit(page.limit)
    .execute();
}

const unitOf = { hourly: 'hour', daily: 'day', monthly: 'month' } as const;

/** Loads what was metered of the branches of projects, or of some of them, by frames. */
export async function loadConsumption(
  db: Database,
  of: { readonly projectIds: readonly string[]; readonly branchIds?: readonly string[] },
  { from, to, granularity }: FrameRange,
): Promise<MeteredBranch[]> {
  const projectIds = [...of.projectIds];
  const branchIds = of.branchIds ? [...of.branchIds] : null;
  const { rows } = await sql<RawBranch>`
    with frames as (
      select project_id, branch_id, date_trunc(${unitOf[granularity]}, hour, 'UTC') as start,
        sum(active_seconds) as active_seconds, sum(cu_seconds) as cu_seconds,
        sum(bytes_out) as bytes_out,
        (array_agg(${sizes} order by hour desc) filter (where data_bytes is not null))[1] as sizes
      from consumption
      where project_id = any(${projectIds})
        and (${branchIds}::text[] is null or branch_id = any(${branchIds}::text[]))
        and hour >= ${from} and hour < ${to}
      group by project_id, branch_id, start
    ), before as (
      select b.project_id, b.id as branch_id, last.sizes
      from branches b cross join lateral (
        select ${sizes} as sizes from consumption c
        where c.project_id = b.project_id and c.branch_id = b.id and c.hour < ${from}
          and c.data_bytes is not null
        order by c.hour desc limit 1
      ) last
      where b.project_id = any(${projectIds})
        and (${branchIds}::text[] is null or b.id = any(${branchIds}::text[]))
    )
    select coalesce(f.project_id, p.project_id) as "projectId", b.id as "branchId",
      b.parent_id is null as "isRoot", b.deleted_at as "deletedAt", p.sizes as before,
      coalesce(f.frames, '[]') as frames
    from (
      select project_id, branch_id, jsonb_agg(to_jsonb(frames) order by start) as frames
      from frames group by project_id, branch_id
    ) f
    full join before p on p.project_id = f.project_id and p.branch_id = f.branch_id
    join branches b on b.id = coalesce(f.branch_id, p.branch_id)`.execute(db);
  return rows.map(parse);
}

const sizes = sql`jsonb_build_object('since', hour, 'logical', coalesce(logical_bytes, 0),
  'data', coalesce(data_bytes, 0), 'wal', coalesce(wal_bytes, 0))`;

/** Times within JSON are text. */
type Raw<T> = { [K in keyof T]: T[K] extends Date ? string : T[K] };
type RawSizes = Raw<NonNullable<MeteredBranch['before']>>;
type RawFrame = Omit<Raw<MeteredBranch['frames'][number]>, 'sizes'> & {
  readonly sizes: RawSizes | null;
};
type RawBranch = Omit<MeteredBranch, 'before' | 'frames'> & {
  readonly before: RawSizes | null;
  readonly frames: readonly RawFrame[];
};

function parse(row: RawBranch): MeteredBranch {
  return {
    ...row,
    before: parseSizes(row.before),
    frames: row.frames.map((frame) => ({
      ...frame,
      start: new Date(frame.start),
      sizes: parseSizes(frame.sizes),
    })),
  };
}

function parseSizes(raw: RawSizes | null) {
  return raw && { ...raw, since: new Date(raw.since) };
}
