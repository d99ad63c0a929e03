import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import type { Database } from './database.ts';

// Found from `src` and from `dist` alike: both lie directly below the package.
const directory = fileURLToPath(new URL('../../migrations/', import.meta.url));

/** Brings the database up to date: applies, in order, the migrations that it has not seen. */
export async function migrate(db: Database): Promise<void> {
  await db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(hashtextextended('pgfleet.migrate', 0))`.execute(connection);
    try {
      await applyMissing(connection);
    } finally {
      await sql`select pg_advisory_unlock(hashtextextended('pgfleet.migrate', 0))`.execute(
        connection,
      );
    }
  });
}

async function applyMissing(db: Database): Promise<void> {
  await sql`create table if not exists migrations (
    name text primary key, applied_at timestamptz not null default now())`.execute(db);
  const { rows } = await sql<{ name: string }>`select name from migrations`.execute(db);
  const applied = new Set(rows.map((row) => row.name));
  for (const name of migrationNames()) {
    if (!applied.has(name)) await apply(db, name);
  }
}

function migrationNames(): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
}

async function apply(db: Database, name: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql.raw(readFileSync(`${directory}${name}`, 'utf8')).execute(tx);
    await sql`insert into migrations (name) values (${name})`.execute(tx);
  });
}
