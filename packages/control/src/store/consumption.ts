import type { BranchId, OrganizationId, ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type {
  BranchSizes,
  FrameRange,
  Measure,
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
  { range, measures }: { readonly range: FrameRange; readonly measures: ReadonlySet<Measure> },
): Promise<MeteredBranch[]> {
  const wanted = [...measures];
  const { rows } = await sql<BranchRow>`
    select b.project_id as "projectId", b.id as "branchId", b.parent_id is null as "isRoot",
      b.deleted_at as "deletedAt", (${sizesBefore(range)}) as before,
      (${framesOf(range, wanted)}) as frames
    from branches b
    where b.project_id = any(${[...projectIds]})
      ${branchIds ? sql`and b.id = any(${[...branchIds]})` : sql``}`.execute(db);
  const readFrame = frameReader(wanted);
  return rows.map((row) => ({
    projectId: row.projectId,
    branchId: row.branchId,
    isRoot: row.isRoot,
    deletedAtMs: row.deletedAt && row.deletedAt.getTime(),
    before: row.before === null ? null : readSizes(row.before),
    frames: row.frames === null ? [] : readFrames(row.frames, readFrame),
  }));
}

/**
 * A branch with what was metered of it. A year of a thousand branches has more frames than could be
 * had as rows of their own in good time: they come as JSON that consists of numbers, and of each frame
 * no more of them than somebody asked for.
 */
interface BranchRow extends Omit<MeteredBranch, 'before' | 'frames' | 'deletedAtMs'> {
  readonly deletedAt: Date | null;
  readonly before: string | null;
  readonly frames: string | null;
}

type SizesBefore = readonly [sinceMs: number, logical: number, data: number, wal: number];
/** Sizes were measured so long after the start; a negative time says that none were. */
type Frame = readonly [startMs: number, afterMs: number, ...values: readonly number[]];

const NOT_MEASURED = -1;

function readSizes(numbers: string): BranchSizes {
  const [sinceMs, logicalBytes, dataBytes, walBytes] = JSON.parse(`[${numbers}]`) as SizesBefore;
  return { sinceMs, logicalBytes, dataBytes, walBytes };
}

function readFrames(frames: string, readFrame: (frame: Frame) => MeteredFrame): MeteredFrame[] {
  return (JSON.parse(`[[${frames}]]`) as Frame[]).map(readFrame);
}

function frameReader(wanted: readonly Measure[]): (frame: Frame) => MeteredFrame {
  const reader = (measure: Measure): ((frame: Frame) => number) => {
    const position = wanted.indexOf(measure) + 2;
    return position < 2 ? () => 0 : (frame) => frame[position] ?? 0;
  };
  const active = reader('activeSeconds');
  const cu = reader('cuSeconds');
  const sent = reader('bytesOut');
  const written = reader('writtenBytes');
  const logical = reader('logicalBytes');
  const data = reader('dataBytes');
  const wal = reader('walBytes');
  const readSizesOf = (frame: Frame): BranchSizes => ({
    sinceMs: frame[0] + frame[1],
    logicalBytes: logical(frame),
    dataBytes: data(frame),
    walBytes: wal(frame),
  });
  return (frame) => ({
    startMs: frame[0],
    activeSeconds: active(frame),
    cuSeconds: cu(frame),
    bytesOut: sent(frame),
    writtenBytes: written(frame),
    sizes: frame[1] === NOT_MEASURED ? null : readSizesOf(frame),
  });
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

const columnOf: Readonly<Record<Measure, string>> = {
  activeSeconds: 'active_seconds',
  cuSeconds: 'cu_seconds',
  bytesOut: 'bytes_out',
  writtenBytes: 'written_bytes',
  logicalBytes: 'logical_bytes',
  dataBytes: 'data_bytes',
  walBytes: 'wal_bytes',
};

// Sums of a frame, and the sizes of its last measurement, ascending.
function framesOf({ from, to, granularity }: FrameRange, wanted: readonly Measure[]) {
  const columns = wanted.map((measure) => columnOf[measure]);
  const values = columns.map((column) => sql`, coalesce(${sql.ref(column)}, 0)`);
  const isMetered = sql`c.project_id = b.project_id and c.branch_id = b.id
    and c.hour >= ${from} and c.hour < ${to}`;
  if (granularity === 'hourly') {
    return sql`select string_agg(concat_ws(',', ${millisecondsOf('hour')},
        case when data_bytes is null then ${sql.lit(NOT_MEASURED)} else 0 end
        ${sql.join(values, sql` `)}), '],[' order by hour)
      from consumption c where ${isMetered}`;
  }
  return sql`select string_agg(concat_ws(',', ${millisecondsOf('start')},
      coalesce(measured - ${millisecondsOf('start')}, ${sql.lit(NOT_MEASURED)})
      ${sql.join(values, sql` `)}), '],[' order by start)
    from (
      select start, active_seconds, cu_seconds, bytes_out, written_bytes, last[1] as measured,
        last[2] as logical_bytes, last[3] as data_bytes, last[4] as wal_bytes
      from (
        select date_trunc(${unitOf[granularity]}, hour, 'UTC') as start,
          sum(active_seconds) as active_seconds, sum(cu_seconds) as cu_seconds,
          sum(bytes_out) as bytes_out, sum(written_bytes) as written_bytes,
          -- The greatest one is the last.
          max(array[${millisecondsOf('hour')}, logical_bytes, data_bytes, wal_bytes])
            filter (where data_bytes is not null) as last
        from consumption c where ${isMetered} group by start
      ) sums
    ) frames`;
}

function millisecondsOf(column: string) {
  return sql`date_part('epoch', ${sql.ref(column)}) * 1000`;
}
