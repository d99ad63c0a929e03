import { PgfleetError } from '@pgfleet/contract';
import { silentLogger, waitUntil } from '@pgfleet/kit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { TestPostgres } from '../testing/test-postgres.ts';
import { openDatabase } from './database.ts';

test('a database that crashes under running queries is unavailable, and nothing else happens', async () => {
  await using postgres = await TestPostgres.open();
  const { db } = await postgres.createDatabase();
  const observer = postgres.open('postgres');
  const queries = Array.from({ length: 4 }, () =>
    sql`select pg_sleep(60)`.execute(db).catch((error: unknown) => error),
  );
  await waitUntil(
    async () => {
      const { rows } = await sql`select from pg_stat_activity
        where query = 'select pg_sleep(60)' and state = 'active'`.execute(observer);
      return rows.length === queries.length;
    },
    { what: 'the queries to run', timeoutMs: 10_000 },
  );
  await postgres.crash();
  for (const error of await Promise.all(queries)) {
    expect(error).toBeInstanceOf(PgfleetError);
    expect((error as PgfleetError).code).toBe('unavailable');
  }
  await postgres.restart();
  await waitUntil(
    () =>
      sql`select 1`.execute(db).then(
        () => true,
        () => false,
      ),
    {
      what: 'the pool to recover',
      timeoutMs: 10_000,
    },
  );
  await Promise.all([db.destroy(), observer.destroy()]);
});

test('a transaction whose server hangs is not gone on with by whoever asks next', async () => {
  await using postgres = await TestPostgres.open();
  const { url, db: observer } = await postgres.createDatabase();
  const db = openDatabase({
    url,
    maxConnections: 1,
    log: silentLogger(),
    limits: { connectMs: 1_000, statementMs: 300, answerMs: 400 },
  });
  const halfDone = db.transaction().execute(async (tx) => {
    await sql`create table half_done ()`.execute(tx);
    await sql`set local statement_timeout = 0`.execute(tx);
    // Longer than the statement and the rollback behind it are waited for.
    await sql`select pg_sleep(1.5)`.execute(tx);
  });
  await expect(halfDone).rejects.toThrow(PgfleetError);
  await sql`create table whole ()`.execute(db);
  const { rows } = await sql<{ half: string | null; whole: string | null }>`
    select to_regclass('half_done') as half, to_regclass('whole') as whole`.execute(observer);
  expect(rows).toEqual([{ half: null, whole: 'whole' }]);
  await Promise.all([db.destroy(), observer.destroy()]);
});
