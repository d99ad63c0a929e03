import { PgfleetError } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { TestPostgres } from '../testing/test-postgres.ts';

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
