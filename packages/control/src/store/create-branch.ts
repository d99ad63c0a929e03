import type {
  BranchId,
  BranchState,
  ProjectId,
  TimelineId,
  TimelineSource,
} from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Insertable } from 'kysely';
import type { Database } from './database.ts';
import type { BranchRow, DatabaseRow, RoleRow, Schema } from './schema.ts';

/** A role to be inserted on a branch, as it is stored. */
export type NewRole = Pick<
  RoleRow,
  'name' | 'verifier' | 'sealed_password' | 'can_login' | 'is_protected'
>;

/** Inserts a timeline on the host of its source. */
export async function insertDerivedTimeline(
  db: Database,
  timeline: {
    readonly id: TimelineId;
    readonly source: Exclude<TimelineSource, { readonly kind: 'template' }>;
  },
  projectId: ProjectId,
): Promise<void> {
  const { timelineId: sourceId } = timeline.source;
  await db
    .insertInto('timelines')
    .values({
      ...timeline,
      project_id: projectId,
      host_id: sql<null>`(select host_id from timelines where id = ${sourceId})`,
    })
    .execute();
}

/** Inserts a branch that is about to become ready. */
export function insertBranch(
  db: Database,
  branch: Omit<Insertable<Schema['branches']>, 'is_default' | 'pending_state'> & {
    readonly current_state: BranchState;
  },
): Promise<BranchRow> {
  return db
    .insertInto('branches')
    .values({ ...branch, is_default: false, pending_state: 'ready' })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Inserts the roles of a new branch, and the databases that another one has. */
export async function insertBranchContent(
  db: Database,
  branchId: BranchId,
  content: { readonly roles: readonly NewRole[]; readonly databasesOf: BranchId },
): Promise<{ readonly roles: readonly RoleRow[]; readonly databases: readonly DatabaseRow[] }> {
  // One parameter: a statement has at most 65,535 of them.
  const { rows: roles } = await sql<RoleRow>`
    insert into roles (branch_id, name, verifier, sealed_password, can_login, is_protected)
    select ${branchId}, name, verifier, sealed_password, can_login, is_protected
    from jsonb_to_recordset(${JSON.stringify(content.roles)}::jsonb) as r(name text, verifier text,
      sealed_password text, can_login boolean, is_protected boolean)
    returning *`.execute(db);
  const { rows: databases } = await sql<DatabaseRow>`
    insert into databases (branch_id, name, owner_name)
    select ${branchId}, name, owner_name from databases
    where branch_id = ${content.databasesOf} order by id
    returning *`.execute(db);
  return { roles, databases };
}
