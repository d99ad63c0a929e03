import type { BranchId, ProjectId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { BranchRow } from './schema.ts';

/** A branch, what it used so far, and who made it. */
export interface BranchDetails extends BranchRow {
  readonly active_seconds: number;
  readonly bytes_out: number;
  /** Bytes; null until it was first measured. */
  readonly logical_size: number | null;
  readonly creator_name: string;
}

export type BranchSort = 'name' | 'created_at' | 'updated_at';

/** Where a page of branches ended. */
export interface BranchPosition {
  /** A name, or a time with microseconds. */
  readonly value: string;
  readonly id: string;
}

export interface BranchPage {
  readonly projectId: ProjectId;
  readonly search?: string | undefined;
  readonly sortBy: BranchSort;
  readonly order: 'asc' | 'desc';
  readonly after?: BranchPosition | undefined;
  readonly limit: number;
}

/** A branch of a page with the value that it was sorted by. */
export type SortedBranch = BranchDetails & { readonly sort_value: string };

/** Lists the branches of a project by name or time. */
export function listBranches(db: Database, page: BranchPage): Promise<SortedBranch[]> {
  const { after, order } = page;
  const column = sql.ref(`branches.${page.sortBy}`);
  const type = sql.raw(page.sortBy === 'name' ? 'text' : 'timestamptz');
  const isBeyond = sql.raw(order === 'asc' ? '>' : '<');
  return detailed(db, page)
    .select(sortValue(page.sortBy).as('sort_value'))
    .$if(after !== undefined, (qb) =>
      qb.where(
        sql<boolean>`(${column}, branches.id) ${isBeyond} (${after?.value}::${type}, ${after?.id})`,
      ),
    )
    .orderBy(column, order)
    .orderBy('branches.id', order)
    .limit(page.limit)
    .execute();
}

/** Counts the branches of a project whose name or id contains a text. */
export async function countBranches(
  db: Database,
  filter: { readonly projectId: ProjectId; readonly search?: string | undefined },
): Promise<number> {
  const { count } = await matching(db, filter)
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

/** @throws PgfleetError `branch_not_found`. */
export async function getBranch(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<BranchDetails> {
  const branch = await detailed(db, { projectId })
    .where('branches.id', '=', id as BranchId)
    .executeTakeFirst();
  if (!branch) throw new PgfleetError('branch_not_found');
  return branch;
}

/** @throws PgfleetError `branch_not_found`. */
export async function getDefaultBranch(db: Database, projectId: ProjectId): Promise<BranchRow> {
  const branch = await matching(db, { projectId })
    .selectAll('branches')
    .where('is_default', '=', true)
    .executeTakeFirst();
  if (!branch) throw new PgfleetError('branch_not_found');
  return branch;
}

/** Lists what the deletion of a project has to know of its branches. */
export function listBranchesToDelete(
  db: Database,
  projectId: ProjectId,
): Promise<Pick<BranchRow, 'id' | 'is_protected'>[]> {
  return db
    .selectFrom('branches')
    .select(['id', 'is_protected'])
    .where('project_id', '=', projectId)
    .execute();
}

/** Notes that the data of a branch is there. */
export function setBranchReady(db: Database, id: BranchId): Promise<unknown> {
  return db
    .updateTable('branches')
    .set({
      current_state: 'ready',
      pending_state: null,
      state_changed_at: sql<Date>`now()`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .where('current_state', '=', 'init')
    .execute();
}

function matching(
  db: Database,
  { projectId, search }: { readonly projectId: ProjectId; readonly search?: string | undefined },
) {
  const text = search?.toLowerCase() ?? '';
  return db
    .selectFrom('branches')
    .where('branches.project_id', '=', projectId)
    .$if(text !== '', (qb) =>
      qb.where(
        sql<boolean>`(position(${text} in lower(branches.name)) > 0
          or position(${text} in branches.id) > 0)`,
      ),
    );
}

function detailed(
  db: Database,
  filter: { readonly projectId: ProjectId; readonly search?: string | undefined },
) {
  return matching(db, filter)
    .innerJoin('users', 'users.id', 'branches.created_by')
    .innerJoin('timelines', 'timelines.id', 'branches.timeline_id')
    .innerJoinLateral(
      (qb) =>
        qb
          .selectFrom('endpoints')
          .whereRef('endpoints.branch_id', '=', 'branches.id')
          .select((eb) => [
            eb.fn
              .coalesce(eb.fn.sum<number>('active_seconds'), sql<number>`0`)
              .as('active_seconds'),
            eb.fn.coalesce(eb.fn.sum<number>('bytes_out'), sql<number>`0`).as('bytes_out'),
          ])
          .as('used'),
      (join) => join.onTrue(),
    )
    .selectAll(['branches', 'used'])
    .select(['users.name as creator_name', 'timelines.logical_bytes as logical_size']);
}

function sortValue(sortBy: BranchSort) {
  return sortBy === 'name'
    ? sql<string>`branches.name`
    : sql<string>`to_char(${sql.ref(`branches.${sortBy}`)} at time zone 'utc',
        'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
