import type {
  BranchId,
  DatabaseSpec,
  HostId,
  RoleSpec,
  TimelineId,
  TimelineReady,
} from '@pgfleet/contract';
import { sql } from 'kysely';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { leastUsedHost } from './create-project.ts';
import type { Database } from './database.ts';
import type { ProjectRow } from './schema.ts';

/** Loads a branch with its project, its endpoints and the host of its timeline. */
export async function loadBranchOnHost(db: Database, id: BranchId): Promise<BranchOnHost> {
  const { rows } = await sql<BranchOnHost>`
    select to_jsonb(b) as branch, to_jsonb(p) as project, to_jsonb(t) as timeline,
      (select jsonb_build_object('id', h.id, 'address', h.address)
        from hosts h where h.id = t.host_id) as host,
      coalesce((select jsonb_agg(e order by e.created_at, e.id)
        from endpoints e where e.branch_id = b.id), '[]') as endpoints
    from branches b join projects p on p.id = b.project_id join timelines t on t.id = b.timeline_id
    where b.id = ${id}`.execute(db);
  const [row] = rows;
  if (!row) throw new Error(`branch ${id} has no row`);
  return row;
}

/** Chooses the host of a timeline that has none; false while no host that fits is known. */
export async function placeTimeline(
  db: Database,
  id: TimelineId,
  project: Pick<ProjectRow, 'region_id' | 'pg_major'>,
): Promise<boolean> {
  const row = await db
    .updateTable('timelines')
    .set({ host_id: sql<HostId | null>`coalesce(host_id, ${leastUsedHost(project)})` })
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

/** Notes that nothing of a timeline is left on its host. */
export async function markTimelineDeleted(db: Database, id: TimelineId): Promise<void> {
  await db
    .updateTable('timelines')
    .set({ deleted_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .execute();
}

/** Notes where the source of a timeline was cut. */
export async function setTimelineOrigin(
  db: Database,
  id: TimelineId,
  { lsn, at }: NonNullable<TimelineReady['origin']>,
): Promise<void> {
  await db
    .updateTable('timelines')
    .set({ origin_lsn: lsn, origin_at: at })
    .where('id', '=', id)
    .execute();
}

/** The roles and databases that a new timeline starts with. */
export async function loadInitialContent(
  db: Database,
  branchId: BranchId,
): Promise<{ readonly roles: RoleSpec[]; readonly databases: DatabaseSpec[] }> {
  const { rows } = await sql<{ roles: RoleSpec[]; databases: DatabaseSpec[] }>`
    select
      coalesce((select jsonb_agg(jsonb_build_object('name', name, 'verifier', verifier)
        order by name) from roles where branch_id = ${branchId}), '[]') as roles,
      coalesce((select jsonb_agg(jsonb_build_object('name', name, 'ownerName', owner_name)
        order by id) from databases where branch_id = ${branchId}), '[]') as databases`.execute(db);
  return rows[0] ?? { roles: [], databases: [] };
}
