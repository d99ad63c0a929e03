import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Database } from './database.ts';

/*
 * What is forgotten because it is old. Every statement removes a bounded number of rows, so that none
 * runs into its timeout after a pause, and none holds locks for long.
 */

const BATCH = 10_000;

/** Forgets the answers that are older than a day: no client repeats a call for longer. */
export function forgetOldAnswers(db: Database): Promise<number> {
  return forgetOlder(db, {
    table: 'idempotency_keys',
    dated: 'created_at',
    age: sql`interval '1 day'`,
  });
}

/** Forgets operations that ended more than six months ago, as the contract announces. */
export function forgetOldOperations(db: Database): Promise<number> {
  return forgetOlder(db, {
    table: 'operations',
    dated: 'finished_at',
    age: sql`interval '6 months'`,
  });
}

/** Forgets drills that are older than a year. */
export function forgetOldDrills(db: Database): Promise<number> {
  return forgetOlder(db, { table: 'restore_drills', dated: 'at', age: sql`interval '1 year'` });
}

/** The first hour after another one in which something was metered that nobody can ask for now. */
export async function findOldHour(db: Database, after: Date | null): Promise<Date | null> {
  const { rows } = await sql<{ hour: Date | null }>`
    select min(hour) as hour from consumption
    where ${INDEXED} > coalesce(${after}::timestamptz at time zone 'UTC', '-infinity')
      and ${INDEXED} < ${OLDEST} at time zone 'UTC'`.execute(db);
  return rows[0]?.hour ?? null;
}

/**
 * Forgets what was metered in one hour, but for the sizes that branches still have: those that were
 * not measured again until the oldest hour that can be asked for.
 */
export function forgetHour(db: Database, hour: Date): Promise<number> {
  return countDeleted(
    db,
    sql`delete from consumption c where ${INDEXED} = ${hour}::timestamptz at time zone 'UTC' and (c.data_bytes is null or exists (
      select from consumption later
      where later.project_id = c.project_id and later.branch_id = c.branch_id
        and later.hour > c.hour and later.hour < ${OLDEST} and later.data_bytes is not null))`,
  );
}

// Months reach back a year, from the start of the month in which that was.
const OLDEST = sql`date_trunc('month', now() - interval '366 days', 'UTC')`;

// As the index has it.
const INDEXED = sql`hour at time zone 'UTC'`;

interface Ageing {
  readonly table: 'idempotency_keys' | 'operations' | 'restore_drills';
  /** The column that says how old a row is; there is an index on it. */
  readonly dated: string;
  readonly age: RawBuilder<unknown>;
}

function forgetOlder(db: Database, { table, dated, age }: Ageing): Promise<number> {
  const [rows, at] = [sql.table(table), sql.ref(dated)];
  return countDeleted(
    db,
    sql`delete from ${rows} where ctid = any(array(
      select ctid from ${rows} where ${at} < now() - ${age} order by ${at} limit ${BATCH}))`,
  );
}

async function countDeleted(
  db: Database,
  statement: ReturnType<typeof sql<unknown>>,
): Promise<number> {
  const { numAffectedRows = 0n } = await statement.execute(db);
  return Number(numAffectedRows);
}
