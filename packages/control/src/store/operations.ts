import type { BranchId, OperationId, OperationStatus, ProjectId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { NewOperation } from '../domain/new-operation.ts';
import type { Database } from './database.ts';
import type { BranchRow, OperationRow } from './schema.ts';

/** Statuses of operations that a worker still has to do something about. */
export const activeStatuses = [
  'scheduling',
  'running',
  'cancelling',
] as const satisfies readonly OperationStatus[];

/*
 * What concerns all branches of a project may be thousands of operations. The first of them are due
 * at once and the others one by one, so that nobody else's wait behind them all.
 */
const DUE_AT_ONCE = 64;
const DUE_APART = '10 ms';

/** When the operation of a project that is the `n`th to become due now, from one on, is due. */
export function dueInTurn(n: RawBuilder<unknown>): RawBuilder<Date> {
  return sql<Date>`clock_timestamp()
    + greatest(${n} - ${sql.lit(DUE_AT_ONCE)}, 0) * ${sql.lit(DUE_APART)}::interval`;
}

/** Inserts operations, as many as there may be, in this order. */
export async function insertOperations(
  db: Database,
  operations: readonly NewOperation[],
): Promise<OperationRow[]> {
  if (operations.length === 0) return [];
  // One parameter: a statement has at most 65,535 of them.
  const { rows } = await sql<OperationRow>`
    insert into operations (id, project_id, branch_id, endpoint_id, timeline_id, snapshot_id, changes,
      action, status, step, deadline_at, wake_at)
    select id, project_id, branch_id, endpoint_id, timeline_id, snapshot_id, changes::jsonb,
      action, status, step, deadline_at, ${dueInTurn(sql`ordinality`)}
    from rows from (jsonb_to_recordset(${JSON.stringify(operations)}::jsonb) as (id uuid,
      project_id text, branch_id text, endpoint_id text, timeline_id text, snapshot_id text,
      changes text, action text, status text, step text, deadline_at timestamptz)) with ordinality
    order by ordinality
    returning *`.execute(db);
  return rows.toSorted((a, b) => a.sequence - b.sequence);
}

/** Stops what is under way for a project, so that what destroys it need not wait for it. */
export async function cancelOperations(db: Database, projectId: ProjectId): Promise<void> {
  await stop(db).where('project_id', '=', projectId).execute();
}

/**
 * Stops what is under way for a branch, so that its deletion need not wait for it. What is about
 * snapshots goes on, and so does what removes timelines that the branch has left.
 */
export async function cancelBranchOperations(
  db: Database,
  { id: branchId, project_id: projectId }: Pick<BranchRow, 'id' | 'project_id'>,
): Promise<void> {
  await stop(db)
    .where('project_id', '=', projectId)
    .where('branch_id', '=', branchId)
    .where('snapshot_id', 'is', null)
    .where('action', '<>', 'delete_timeline')
    .execute();
}

// One that a worker may be in the middle of is only told so: its worker ends it.
function stop(db: Database) {
  return db
    .updateTable('operations')
    .set({
      status: sql<OperationStatus>`case when lease_until is null then 'cancelled'
        else 'cancelling' end`,
      finished_at: sql<Date>`case when lease_until is null then now() end`,
      wake_at: sql<Date>`now()`,
      wakes: sql<number>`wakes + 1`,
      updated_at: sql<Date>`now()`,
    })
    .where('status', 'in', activeStatuses);
}

/** What lists show of an operation. */
const listedColumns = [
  'id',
  'project_id',
  'branch_id',
  'endpoint_id',
  'action',
  'status',
  'error',
  'failures_count',
  'wake_at',
  'started_at',
  'finished_at',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof OperationRow)[];

/** An operation as lists show it, and its time of creation with microseconds: its cursor. */
export type ListedOperation = Pick<OperationRow, (typeof listedColumns)[number]> & {
  readonly cursor: string;
};

/**
 * Lists the operations of a project, newest first. Those of one microsecond are on one page, which
 * may be longer for that: a cursor is nothing but a time.
 */
export function listOperations(
  db: Database,
  page: {
    readonly projectId: ProjectId;
    readonly cursor?: string | undefined;
    readonly limit: number;
  },
): Promise<ListedOperation[]> {
  const rows = db
    .selectFrom('operations')
    .select([...listedColumns, 'sequence'])
    .where('project_id', '=', page.projectId)
    .$if(page.cursor !== undefined, (qb) =>
      qb.where(sql<boolean>`created_at < ${page.cursor}::timestamptz`),
    )
    .orderBy('created_at', 'desc')
    .fetch(page.limit, 'with ties');
  return db
    .selectFrom(rows.as('operations'))
    .select(listedColumns)
    .select(
      sql<string>`to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`.as(
        'cursor',
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('sequence', 'desc')
    .execute();
}

/** Which of these operations have not ended. */
export async function listUnfinished(
  db: Database,
  ids: readonly OperationId[],
): Promise<ReadonlySet<OperationId>> {
  const rows = await db
    .selectFrom('operations')
    .select('id')
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .where('status', 'in', activeStatuses)
    .execute();
  return new Set(rows.map(({ id }) => id));
}

/** What has not ended of a project, or of one of its branches. */
export async function listUnfinishedOf(
  db: Database,
  { projectId, branchId }: { readonly projectId: string; readonly branchId?: string },
): Promise<OperationId[]> {
  const rows = await db
    .selectFrom('operations')
    .select('id')
    .where('project_id', '=', projectId as ProjectId)
    .where('status', 'in', activeStatuses)
    .$if(branchId !== undefined, (qb) => qb.where('branch_id', '=', branchId as BranchId))
    .execute();
  return rows.map(({ id }) => id);
}

/** These operations, in no particular order. */
export function listOperationsById(
  db: Database,
  ids: readonly OperationId[],
): Promise<OperationRow[]> {
  return db
    .selectFrom('operations')
    .selectAll()
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .execute();
}

/** @throws PgfleetError `operation_not_found`. */
export async function getOperation(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<OperationRow> {
  const operation = await db
    .selectFrom('operations')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('id', '=', id as OperationId)
    .executeTakeFirst();
  if (!operation) throw new PgfleetError('operation_not_found');
  return operation;
}
