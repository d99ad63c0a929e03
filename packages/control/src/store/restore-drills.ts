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
/** How many projects that are due are looked at in one statement. */
const BATCH = 200;
const DAY_MS = 86_400_000;

/**
 * Takes the next project to be drilled, and chooses its branch; undefined while none is due.
 *
 * Every project is looked at once a day, at a time of its own, so that the drills of a fleet spread
 * over the day. One in which nothing ran since its last drill is left alone until its next day. Of
 * its branches the one is chosen whose last drill is the longest ago. Several replicas never take
 * the same project. The drill has to be ended with {@link finishDrill} or {@link postponeDrill}; one
 * that is not is repeated some hours later.
 */
export async function claimDrill(db: Database, now: Date): Promise<DrillTarget | undefined> {
  for (;;) {
    const { looked, target } = await lookForDrill(db, now);
    if (target || looked === 0) return target ?? undefined;
  }
}

async function lookForDrill(
  db: Database,
  now: Date,
): Promise<{ readonly looked: number; readonly target: DrillTarget | null }> {
  const { rows } = await sql<{ looked: number; target: DrillTarget | null }>`
    with looked as (
      select project_id, next_at, drilled_at from drill_turns
      where next_at <= ${now}
      order by next_at limit ${BATCH}
      for update skip locked
    ), targets as (
      select l.project_id, l.next_at, b.id as branch_id, b.timeline_id, b.address
      from looked l cross join lateral (
        select b.id, b.timeline_id, h.address
        from endpoints e
          join branches b on b.id = e.branch_id
          join projects p on p.id = e.project_id
          join timelines t on t.id = b.timeline_id
          join hosts h on h.id = t.host_id
        where e.project_id = l.project_id
          and e.last_active > ${now}::timestamptz - interval '2 days'
          and e.last_active > coalesce(l.drilled_at, '-infinity')
          and b.current_state = 'ready' and b.deleted_at is null and p.deleted_at is null
        order by (select max(d.at) from restore_drills d
          where d.project_id = l.project_id and d.branch_id = b.id) nulls first
        limit 1
      ) b
    ), chosen as (
      select * from targets order by next_at limit 1
    ), taken as (
      update drill_turns t
      set next_at = ${now}::timestamptz + make_interval(hours => ${LEASE_HOURS})
      from chosen where t.project_id = chosen.project_id
    ), passed as (
      update drill_turns t set next_at = l.next_at + make_interval(
        days => (floor(extract(epoch from ${now} - l.next_at) / 86400) + 1)::integer)
      from looked l
      where t.project_id = l.project_id and l.project_id not in (select project_id from targets)
    )
    select (select count(*) from looked) as looked,
      (select jsonb_build_object('projectId', project_id, 'branchId', branch_id,
        'timelineId', timeline_id, 'address', address) from chosen) as target`.execute(db);
  return rows[0] ?? { looked: 0, target: null };
}

/** Keeps what a scheduled drill found; its project is looked at again a day later. */
export function finishDrill(
  db: Database,
  target: DrillTarget,
  { report, began }: { readonly report: RestoreDrillRow['report']; readonly began: Date },
): Promise<void> {
  return db.transaction().execute(async (tx) => {
    await insertDrill(tx, target, report);
    await tx
      .updateTable('drill_turns')
      .set({ drilled_at: began, next_at: new Date(began.getTime() + DAY_MS) })
      .where('project_id', '=', target.projectId)
      .execute();
  });
}

/** Has a drill that could not be done repeated an hour later. */
export async function postponeDrill(db: Database, target: DrillTarget, now: Date): Promise<void> {
  await sql`
    update drill_turns set next_at = ${now}::timestamptz + make_interval(hours => ${RETRY_HOURS})
    where project_id = ${target.projectId}`.execute(db);
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
