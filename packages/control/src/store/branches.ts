import type { BranchId, ProjectId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { UpdateObject } from 'kysely';
import type { BranchFamily } from '../domain/branch-rules.ts';
import type { Database } from './database.ts';
import { monthlyUsage } from './monthly-usage.ts';
import type { MonthlyUsage } from './monthly-usage.ts';
import type { BranchRow, Schema } from './schema.ts';

/** A branch, what it used in the present month, and who made it. */
export interface BranchDetails extends BranchRow, MonthlyUsage {
  /** Bytes; null until it was first measured. */
  readonly logical_size: number | null;
  readonly creator_name: string;
}

export type BranchSort = 'name' | 'created_at' | 'updated_at';

/** Where a page of branches ended. */
interface BranchPosition {
  /** A name, or a time with microseconds. */
  readonly value: string;
  readonly id: string;
}

export interface BranchPage {
  readonly projectId: ProjectId;
  readonly search?: string | undefined;
  /** Whether deleted branches that can be recovered are listed too. */
  readonly includeDeleted: boolean;
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
  // Which ones are on the page is decided before anything else is looked up about a branch.
  const rows = matching(db, page)
    .selectAll('branches')
    .$if(after !== undefined, (qb) =>
      qb.where(
        sql<boolean>`(${column}, branches.id) ${isBeyond} (${after?.value}::${type}, ${after?.id})`,
      ),
    )
    .orderBy(column, order)
    .orderBy('branches.id', order)
    .limit(page.limit);
  return withDetails(db.selectFrom(rows.as('branches')))
    .select(sortValue(page.sortBy).as('sort_value'))
    .orderBy(column, order)
    .orderBy('branches.id', order)
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

/** A branch, unless there is none or it was deleted. */
export function findBranch(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<BranchDetails | undefined> {
  return withDetails(matching(db, { projectId }))
    .where('branches.id', '=', id as BranchId)
    .executeTakeFirst();
}

/** @throws PgfleetError `branch_not_found`. */
export async function getBranch(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<BranchDetails> {
  const branch = await findBranch(db, projectId, id);
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

/** A deleted branch that can still be recovered; undefined when there is none. */
export function findDeletedBranch(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<BranchRow | undefined> {
  return db
    .selectFrom('branches')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('id', '=', id as BranchId)
    .where('deleted_at', 'is not', null)
    .where('purge_at', '>', sql<Date>`now()`)
    .executeTakeFirst();
}

/** @throws PgfleetError `branch_not_found` when there is none that can still be recovered. */
export async function getDeletedBranch(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<BranchRow> {
  const branch = await findDeletedBranch(db, projectId, id);
  if (!branch) throw new PgfleetError('branch_not_found');
  return branch;
}

/** A branch whose expiration has passed, unless somebody has deleted or kept it meanwhile. */
export function findExpiredBranch(db: Database, id: BranchId): Promise<BranchRow | undefined> {
  return db
    .selectFrom('branches')
    .selectAll()
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .where('expires_at', '<=', sql<Date>`now()`)
    .executeTakeFirst();
}

export async function hasProtectedBranch(db: Database, projectId: ProjectId): Promise<boolean> {
  const branch = await matching(db, { projectId })
    .select('branches.id')
    .where('is_protected', '=', true)
    .executeTakeFirst();
  return branch !== undefined;
}

/** Counts what the rules look at around a branch. */
export async function getBranchFamily(
  db: Database,
  { id, project_id: projectId }: Pick<BranchRow, 'id' | 'project_id'>,
): Promise<BranchFamily> {
  const { rows } = await sql<BranchFamily>`
    select count(*) filter (where parent_id = ${id}) as children,
      count(*) filter (where parent_id is null) as roots
    from branches where project_id = ${projectId} and deleted_at is null`.execute(db);
  return rows[0] ?? { children: 0, roots: 0 };
}

/** @throws PgfleetError `name_taken`. */
export async function requireFreeName(
  db: Database,
  projectId: ProjectId,
  name: string,
): Promise<void> {
  const taken = await db
    .selectFrom('branches')
    .select('id')
    .where('project_id', '=', projectId)
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (!taken) return;
  throw new PgfleetError('name_taken', { message: 'branch with the same name already exists' });
}

/** The wanted name where no branch has it, else the first free one of those that number it. */
export async function findFreeName(
  db: Database,
  projectId: ProjectId,
  wanted: string,
): Promise<string> {
  const { rows } = await sql<{ name: string }>`
    select name from branches where project_id = ${projectId} and deleted_at is null
      and starts_with(name, ${wanted})`.execute(db);
  const taken = new Set(rows.map((row) => row.name));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted} ${number}`;
    if (!taken.has(name)) return name;
  }
}

export function updateBranch(
  db: Database,
  id: BranchId,
  change: UpdateObject<Schema, 'branches'>,
): Promise<unknown> {
  return db
    .updateTable('branches')
    .set({ ...change, updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .execute();
}

/** Makes a branch the default of its project, instead of the one that was. */
export async function setDefaultBranch(
  db: Database,
  { id, project_id: projectId }: Pick<BranchRow, 'id' | 'project_id'>,
): Promise<void> {
  await db
    .updateTable('branches')
    .set({ is_default: false })
    .where('project_id', '=', projectId)
    .where('is_default', '=', true)
    .execute();
  await updateBranch(db, id, { is_default: true });
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
    .where('current_state', 'in', ['init', 'resetting'])
    .execute();
}

interface BranchFilter {
  readonly projectId: ProjectId;
  readonly search?: string | undefined;
  readonly includeDeleted?: boolean;
}

function matching(db: Database, { projectId, search, includeDeleted }: BranchFilter) {
  const text = search?.toLowerCase() ?? '';
  return db
    .selectFrom('branches')
    .where('branches.project_id', '=', projectId)
    .where(
      includeDeleted
        ? sql<boolean>`(branches.deleted_at is null or branches.purge_at > now())`
        : sql<boolean>`branches.deleted_at is null`,
    )
    .$if(text !== '', (qb) =>
      qb.where(
        sql<boolean>`(position(${text} in lower(branches.name)) > 0
          or position(${text} in branches.id) > 0)`,
      ),
    );
}

function withDetails(branches: ReturnType<typeof matching>) {
  return branches
    .innerJoin('users', 'users.id', 'branches.created_by')
    .innerJoin('timelines', 'timelines.id', 'branches.timeline_id')
    .innerJoinLateral(monthlyUsage('branch_id', 'branches.id').as('used'), (join) => join.onTrue())
    .selectAll(['branches', 'used'])
    .select(['users.name as creator_name', 'timelines.logical_bytes as logical_size']);
}

function sortValue(sortBy: BranchSort) {
  return sortBy === 'name'
    ? sql<string>`branches.name`
    : sql<string>`to_char(${sql.ref(`branches.${sortBy}`)} at time zone 'utc',
        'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
