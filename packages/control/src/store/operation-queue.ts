import type { OperationId, OperationStatus } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { UpdateObject } from 'kysely';
import type { Database } from './database.ts';
import { dueInTurn } from './operations.ts';
import type { OperationRow, Schema } from './schema.ts';

/*
 * The operations as a queue. An operation may run when it is due, nobody holds its lease, and no
 * earlier operation of the same project on the same branch is unfinished.
 */

/** Who holds leases: one running worker. */
export interface Lease {
  readonly owner: string;
  readonly seconds: number;
}

/** Takes the lease of up to `limit` operations that may run now, the longest due first. */
export async function claimOperations(
  db: Database,
  lease: Lease,
  limit: number,
): Promise<OperationRow[]> {
  const { rows } = await sql<OperationRow>`
    with due as (
      select id from operations o
      where status in ('scheduling', 'running', 'cancelling')
        -- Unlike the time of the clock, that of the statement can be looked up in an index.
        and wake_at <= statement_timestamp()
        and (lease_until is null or lease_until < clock_timestamp())
        and not exists (
          select from operations earlier
          where earlier.project_id = o.project_id and earlier.branch_id = o.branch_id
            and earlier.sequence < o.sequence
            and earlier.status in ('scheduling', 'running', 'cancelling'))
      order by wake_at limit ${limit}
      for update skip locked
    )
    update operations o set
      lease_owner = ${lease.owner},
      lease_until = clock_timestamp() + make_interval(secs => ${lease.seconds}),
      status = case when status = 'scheduling' then 'running' else status end,
      started_at = coalesce(started_at, clock_timestamp()),
      updated_at = clock_timestamp()
    from due where o.id = due.id
    returning o.*`.execute(db);
  return rows;
}

/** Extends the lease of operations; gives back those that are still held and not to be stopped. */
export async function renewLeases(
  db: Database,
  lease: Lease,
  ids: readonly OperationId[],
): Promise<Set<OperationId>> {
  const rows = await db
    .updateTable('operations')
    .set({ lease_until: sql<Date>`clock_timestamp() + make_interval(secs => ${lease.seconds})` })
    .where('id', 'in', [...ids])
    .where('lease_owner', '=', lease.owner)
    .returning(['id', 'status'])
    .execute();
  return new Set(rows.filter((row) => row.status === 'running').map((row) => row.id));
}

/** Writes down the next step. False when the lease was lost or the operation is to be stopped. */
export async function saveStep(
  db: Database,
  operation: OperationRow,
  step: string,
): Promise<boolean> {
  return change(db, operation, { step });
}

/** Puts an operation off. A wake-up that came in since it was claimed is not overwritten. */
export function postpone(
  db: Database,
  operation: OperationRow,
  until: {
    readonly delayMs: number;
    /** Why, for whoever reads the operation; null when nothing is wrong. */
    readonly error: string | null;
    readonly failures: number;
  },
): Promise<boolean> {
  const wakeAt = sql<Date>`case when wakes = ${operation.wakes}
    then clock_timestamp() + make_interval(secs => ${until.delayMs / 1000}) else wake_at end`;
  return change(db, operation, {
    wake_at: wakeAt,
    error: until.error,
    failures_count: until.failures,
    lease_until: null,
    lease_owner: null,
  });
}

/** Ends an operation, as `cancelled` when it was to be stopped. */
export async function finishOperation(
  db: Database,
  operation: OperationRow,
  result: { readonly status: 'finished' | 'failed' | 'cancelled'; readonly error: string | null },
): Promise<void> {
  await db
    .updateTable('operations')
    .set({
      status: sql<OperationStatus>`case when status = 'cancelling' then 'cancelled'
        else ${result.status} end`,
      error: result.error,
      lease_until: null,
      lease_owner: null,
      finished_at: sql<Date>`clock_timestamp()`,
      updated_at: sql<Date>`clock_timestamp()`,
    })
    .where('id', '=', operation.id)
    .where('lease_owner', '=', operation.lease_owner)
    .execute();
}

/**
 * Makes every waiting operation due, those of one project in turn: something that they may wait for
 * has appeared.
 */
export async function wakeOperations(db: Database): Promise<void> {
  await sql`
    update operations o set wake_at = ${dueInTurn(sql`waiting.n`)}, wakes = wakes + 1
    from (
      select id, row_number() over (partition by project_id order by sequence) as n
      from operations
      where status in ('scheduling', 'running', 'cancelling')
        and (lease_until is not null or wake_at > clock_timestamp())
    ) waiting
    where o.id = waiting.id and o.status in ('scheduling', 'running', 'cancelling')`.execute(db);
}

/** How many operations are in each status, but for the many that are finished. */
export function countUnfinishedOperations(
  db: Database,
): Promise<{ readonly status: OperationStatus; readonly count: number }[]> {
  return db
    .selectFrom('operations')
    .select((eb) => ['status', eb.fn.countAll<number>().as('count')])
    .where('status', '<>', 'finished')
    .groupBy('status')
    .execute();
}

async function change(
  db: Database,
  operation: OperationRow,
  values: UpdateObject<Schema, 'operations'>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('operations')
    .set({ ...values, updated_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', operation.id)
    .where('lease_owner', '=', operation.lease_owner)
    .where('status', '=', 'running')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
