import type {
  BranchId,
  DatabaseSpec,
  HostId,
  ProjectId,
  RoleSpec,
  TimelineId,
  TimelineReady,
} from '@pgfleet/contract';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { leastUsedHost } from './create-project.ts';
import type { Database } from './database.ts';
import type { ProjectRow } from './schema.ts';

/**
 * Loads a branch with its project, its endpoints and the host of its timeline: the present one, or
 * another that an operation is about.
 */
export async function loadBranchOnHost(
  db: Database,
  id: BranchId,
  timelineId: TimelineId | null = null,
): Promise<BranchOnHost> {
  const { rows } = await sql<BranchOnHost>`
    select to_jsonb(b) as branch, to_jsonb(p) as project, to_jsonb(t) as timeline,
      (select jsonb_build_object('id', h.id, 'address', h.address)
        from hosts h where h.id = t.host_id) as host,
      exists (select from anonymizations a
        where a.branch_id = b.id and not a.is_open) as "isUnmasked",
      coalesce((select jsonb_agg(e order by e.created_at, e.id)
        from endpoints e where e.branch_id = b.id), '[]') as endpoints
    from branches b join projects p on p.id = b.project_id
      join timelines t on t.id = coalesce(${timelineId}, b.timeline_id)
    where b.id = ${id}`.execute(db);
  const [row] = rows;
  if (!row) throw new Error(`branch ${id} has no row`);
  return row;
}

/**
 * Chooses the host of a timeline that has none: that of its source, or any that fits. False while
 * there is none.
 */
export async function placeTimeline(
  db: Database,
  id: TimelineId,
  project: Pick<ProjectRow, 'region_id' | 'pg_major'>,
): Promise<boolean> {
  const row = await db
    .updateTable('timelines')
    .set({
      host_id: sql<HostId | null>`coalesce(host_id, case when source->>'kind' = 'template'
        then ${leastUsedHost(project)}
        else (select s.host_id from timelines s where s.id = timelines.source->>'timelineId') end)`,
    })
    .where('id', '=', id)
    .returning('host_id')
    .executeTakeFirstOrThrow();
  return row.host_id !== null;
}

/** Where a timeline lives; undefined while no host was chosen for it. */
export function findTimelineHost(
  db: Database,
  id: TimelineId,
): Promise<{ readonly id: HostId; readonly address: string } | undefined> {
  return db
    .selectFrom('timelines')
    .innerJoin('hosts', 'hosts.id', 'timelines.host_id')
    .select(['hosts.id', 'hosts.address'])
    .where('timelines.id', '=', id)
    .executeTakeFirst();
}

/** When a timeline was asked for: nothing of its own history is older. */
export async function getTimelineBirth(db: Database, id: TimelineId): Promise<Date> {
  const { created_at: at } = await db
    .selectFrom('timelines')
    .select('created_at')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return at;
}

/** Notes that nothing of a timeline is left on its host. */
export async function markTimelineDeleted(db: Database, id: TimelineId): Promise<void> {
  await db
    .updateTable('timelines')
    .set({ deleted_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .execute();
}

/** Notes where the source of a timeline was cut, also for a branch that lives on it. */
export async function setTimelineOrigin(
  db: Database,
  id: TimelineId,
  { lsn, at }: NonNullable<TimelineReady['origin']>,
): Promise<void> {
  await db
    .with('timeline', (qb) =>
      qb.updateTable('timelines').set({ origin_lsn: lsn, origin_at: at }).where('id', '=', id),
    )
    .updateTable('branches')
    .set({ parent_lsn: lsn, parent_timestamp: at })
    .where('timeline_id', '=', id)
    .where('current_state', '=', 'init')
    .where('parent_id', 'is not', null)
    .execute();
}

/** A timeline within its project. */
export interface ProjectTimeline {
  readonly projectId: ProjectId;
  readonly timelineId: TimelineId;
}

/** A timeline and the branch whose operations concern it. */
export interface BranchTimeline {
  readonly branchId: BranchId;
  readonly timelineId: TimelineId;
}

/** Lists the present timelines of a project's branches, of those that can be recovered too. */
export function listBranchTimelines(db: Database, projectId: ProjectId): Promise<BranchTimeline[]> {
  return db
    .selectFrom('branches')
    .select(['id as branchId', 'timeline_id as timelineId'])
    .where('project_id', '=', projectId)
    .where((eb) => eb.or([eb('deleted_at', 'is', null), eb('purge_at', 'is not', null)]))
    .orderBy('id')
    .execute();
}

/**
 * Lists every timeline that a project may have on its host, but for those of snapshots. One that no
 * branch has is some operation's.
 */
export async function listTimelinesToDelete(
  db: Database,
  projectId: ProjectId,
): Promise<BranchTimeline[]> {
  const { rows } = await sql<BranchTimeline>`
    select t.id as "timelineId", coalesce(
        (select b.id from branches b where b.timeline_id = t.id order by b.created_at limit 1),
        (select o.branch_id from operations o
          where o.project_id = t.project_id and o.timeline_id = t.id limit 1),
        (select b.id from branches b where b.project_id = t.project_id and b.is_default)
      ) as "branchId"
    from timelines t
    where t.project_id = ${projectId} and t.deleted_at is null and not exists (
      select from snapshots s where s.timeline_id = t.id and s.deleted_at is null)
    order by t.created_at`.execute(db);
  return rows;
}

/** Whether an operation that makes the timeline is not over yet. */
export function isBeingMade(db: Database, timeline: ProjectTimeline): Promise<boolean> {
  return isInTheMaking(db, timeline, sql`made.id = ${timeline.timelineId}`);
}

/** Whether something is still to be made of the timeline. */
export function isSourceOfUnfinished(db: Database, timeline: ProjectTimeline): Promise<boolean> {
  return isInTheMaking(db, timeline, sql`made.source->>'timelineId' = ${timeline.timelineId}`);
}

/** Whether the timeline is the present one of a branch that lives. */
export async function isPresentTimeline(db: Database, id: TimelineId): Promise<boolean> {
  const branch = await db
    .selectFrom('branches')
    .innerJoin('projects', 'projects.id', 'branches.project_id')
    .select('branches.id')
    .where('branches.timeline_id', '=', id)
    .where('branches.deleted_at', 'is', null)
    .where('projects.deleted_at', 'is', null)
    .executeTakeFirst();
  return branch !== undefined;
}

/**
 * The roles and databases that a new timeline starts with. A copy of another timeline has them all;
 * it is only told of roles whose password is not the one that the source has.
 */
export async function loadInitialContent(
  db: Database,
  { branch, timeline }: Pick<BranchOnHost, 'branch' | 'timeline'>,
): Promise<{ readonly roles: RoleSpec[]; readonly databases: DatabaseSpec[] }> {
  const { source } = timeline;
  const isCopy = source.kind === 'timeline' || source.kind === 'masked';
  const inherited = isCopy ? source.timelineId : null;
  const { rows } = await sql<{ roles: RoleSpec[]; databases: DatabaseSpec[] }>`
    select
      coalesce((select jsonb_agg(jsonb_build_object('name', name, 'verifier', verifier)
        order by name) from roles r
        where branch_id = ${branch.id} and verifier is not null and not exists (
          select from branches b join roles same on same.branch_id = b.id
          where b.timeline_id = ${inherited} and same.name = r.name
            and same.verifier = r.verifier and same.updated_at = same.created_at)
        and not exists (
          select from snapshots s join roles same on same.branch_id = s.source_branch_id
          where s.timeline_id = ${inherited} and same.name = r.name
            and same.verifier = r.verifier
            and same.updated_at <= coalesce(s.at, s.created_at))), '[]') as roles,
      coalesce((select jsonb_agg(jsonb_build_object('name', name, 'ownerName', owner_name)
        order by id) from databases where branch_id = ${branch.id} and ${inherited}::text is null),
        '[]') as databases`.execute(db);
  return rows[0] ?? { roles: [], databases: [] };
}

async function isInTheMaking(
  db: Database,
  { projectId }: ProjectTimeline,
  which: RawBuilder<unknown>,
): Promise<boolean> {
  const { rows } = await sql`
    select from operations o
      join branches b on b.id = o.branch_id
      join timelines made on made.id = coalesce(o.timeline_id, b.timeline_id)
    where o.project_id = ${projectId} and o.action in ('create_timeline', 'create_branch')
      and o.status in ('scheduling', 'running', 'cancelling') and ${which}
    limit 1`.execute(db);
  return rows.length > 0;
}
