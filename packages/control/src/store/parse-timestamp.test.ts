import { sql } from 'kysely';
import { types } from 'pg';
import { expect, test } from 'vitest';
import { TestPostgres } from '../testing/test-postgres.ts';
import { parseTimestamp } from './parse-timestamp.ts';

const parseAsDriver = types.getTypeParser(types.builtins.TIMESTAMPTZ);

test('times are read as the driver reads them, in whatever zone and century', async () => {
  await using postgres = await TestPostgres.open();
  const { db } = await postgres.createDatabase();
  const times = [
    '2026-01-31 12:34:56+00',
    '2026-01-31 12:34:56.1+00',
    '2026-01-31 12:34:56.012+00',
    '2026-02-28 23:59:59.999999+00',
    '1969-12-31 23:59:59.5+00',
    '0099-01-01 00:00:00+00',
    '0044-03-15 12:00:00+00 BC',
    '12026-01-01 00:00:00+00',
    'infinity',
    '-infinity',
  ];
  for (const zone of ['UTC', 'Asia/Kolkata', 'America/New_York']) {
    await db.transaction().execute(async (tx) => {
      await sql`select set_config('TimeZone', ${zone}, true)`.execute(tx);
      const { rows } = await sql<{ text: string; time: unknown }>`
        select t::text as text, t as time from unnest(${times}::timestamptz[]) t`.execute(tx);
      const asDriver = rows.map(({ text }) => parseAsDriver(text));
      expect(rows.map(({ text }) => parseTimestamp(text))).toEqual(asDriver);
      expect(rows.map(({ time }) => time)).toEqual(asDriver);
    });
  }
  await db.destroy();
});

test('a session of control is in UTC, wherever its server is', async () => {
  await using postgres = await TestPostgres.open();
  const { db } = await postgres.createDatabase();
  const { rows } = await sql<{ zone: string }>`
    select current_setting('TimeZone') as zone`.execute(db);
  expect(rows).toEqual([{ zone: 'UTC' }]);
  await db.destroy();
});
