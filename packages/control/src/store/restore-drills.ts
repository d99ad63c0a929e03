import type { BranchId, ProjectId, TimelineId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { RestoreDrillRow } from './schema.ts';

/** A branch to be drilled and where its data is. */
export interface DrillTarget {
  readonly projectId: ProjectId;
  readonly branchId: BranchId;
  readonly timelineId: TimelineId;
  readonly address: string;
}

// Longer than any drill lasts: one that takes longer has lost its control.
const LEASE_HOURS = 2;
const RETRY_HOURS = 1;

/**
 * Takes the next project to be drilled, and chooses its branch; undefined while none is due.
 *
 * Every project has a time of the day of its own, so that the drills of a fleet spread over the
 * day. One in which nothing ran since its last drill is left alone. Of its branches the one is
 * chosen whose last drill is the longest ago. Several replicas never take the same project. The
 * drill has to be ended with {@link finishDrill} or {@link postponeDrill}; one that is not is
 * repeated some hours later.
 */
export async function claimDrill(db: Database, now: Date): Promise<DrillTarget | undefined> {
  const { rows } = await sql<DrillTarget>`
    with due as (
      select p.id as "projectId", b.id as "branchId", b.timeline_id as "timelineId", h.address
      from endpoints e
        join branches b on b.id = e.branch_id
        join timelines t on t.id = b.timeline_id
        join hosts h on h.id = t.host_id
        join projects p on p.id = b.project_id
      where e.last_active > ${now}::timestamptz - interval '2 days'
        and e.last_active > coalesce(p.drilled_at, '-infinity')
        and coalesce(p.drilled_at, p.created_at) < ${lastTurn(now)}
        and coalesce(p.drill_after, '-infinity') <= ${now}
        and b.current_state = 'ready' and b.deleted_at is null and p.deleted_at is null
      order by (select max(d.at) from restore_drills d
        where d.project_id = p.id and d.branch_id = b.id) nulls first
      limit 1
      for update of p skip locked
    )
    update projects set drill_after = ${now}::timestamptz + make_interval(hours => ${LEASE_HOURS})
    from due where projects.id = due."projectId"
    returning due.*`.execute(db);
  return rows[0];
}

// The latest moment whose second of the day is the project's.
function lastTurn(now: Date) {
  const seconds = Math.floor(now.getTime() / 1000);
  return sql`to_timestamp(${seconds}
    - (${seconds} - (hashtext(p.id)::bigint & 2147483647) % 86400) % 86400)`;
}

/** Keeps what a scheduled drill found; the next one of its project is a day later. */
export function finishDrill(
  db: Database,
  target: DrillTarget,
  { report, began }: { readonly report: RestoreDrillRow['report']; readonly began: Date },
): Promise<void> {
  return db.transaction().execute(async (tx) => {
    await insertDrill(tx, target, report);
    await tx
      .updateTable('projects')
      .set({ drilled_at: began, drill_after: null })
      .where('id', '=', target.projectId)
      .execute();
  });
}

/** Has a drill that could not be done repeated an hour later. */
export async function postponeDrill(db: Database, target: DrillTarget, now: Date): Promise<void> {
  await sql`
    update projects set drill_after = ${now}::timestamptz + make_interval(hours => ${RETRY_HOURS})
    where id = ${target.projectId}`.execute(db);
}

/** Keeps what a drill found. */
export function insertDrill(
  db: Database,
  { projectId, branchId }: DrillTarget,
  report: RestoreDrillRow['report'],
): Promise<RestoreDrillRow> {
  return db
    .insertInto('restore_drills')
    .values({
      project_id: projectId,
      branch_id: branchId,
      report,
      is_good: report.problems.length === 0,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Lists the drills of a project, newest first. */
export function listDrills(
  db: Database,
  { projectId, limit }: { readonly projectId: ProjectId; readonly limit: number },
): Promise<RestoreDrillRow[]> {
  return db
    .selectFrom('restore_drills')
    .selectAll()
    .where('project_id', '=', projectId)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}
