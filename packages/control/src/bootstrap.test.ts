import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashToken, silentLogger } from '@pgfleet/kit';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { bootstrap } from './bootstrap.ts';
import { authenticateKey } from './store/api-keys.ts';
import { migrate } from './store/migrate.ts';
import { TestPostgres } from './testing/test-postgres.ts';
import type { TestDatabase } from './testing/test-postgres.ts';

let postgres: TestPostgres;
let database: TestDatabase;
let directory: string;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());
beforeEach(async () => {
  database = await postgres.createDatabase();
  directory = mkdtempSync(join(tmpdir(), 'pgfleet-control-'));
});
afterEach(async () => {
  await database.db.destroy();
  rmSync(directory, { recursive: true, force: true });
});

function start(log = silentLogger()): Promise<void> {
  return bootstrap({ db: database.db, keyFile: join(directory, 'admin.key'), log });
}

const readKey = () => readFileSync(join(directory, 'admin.key'), 'utf8').trim();
const isValid = async (key: string) =>
  (await authenticateKey(database.db, hashToken(key), '')) !== undefined;

test('the first start makes a key for its owner only, later starts keep it', async () => {
  await start();
  const key = readKey();
  expect(statSync(join(directory, 'admin.key')).mode & 0o777).toBe(0o600);
  expect(await isValid(key)).toBe(true);
  await Promise.all([start(), start()]);
  expect(readKey()).toBe(key);
  expect(await isValid(key)).toBe(true);
});

test('a lost key file is not made up for, but the log says what to do', async () => {
  await start();
  const key = readKey();
  rmSync(join(directory, 'admin.key'));
  const log = silentLogger();
  const warn = vi.spyOn(log, 'warn');
  await start(log);
  expect(warn.mock.calls[0]?.[1]).toContain('put an empty file there and restart');
  expect(await isValid(key)).toBe(true);
});

test('an empty key file asks for a new key and revokes the old one', async () => {
  await start();
  const old = readKey();
  writeFileSync(join(directory, 'admin.key'), '');
  await start();
  expect(await isValid(readKey())).toBe(true);
  expect(await isValid(old)).toBe(false);
});

test('a key that was written before a crash is taken up', async () => {
  const key = `napi_${'k'.repeat(59)}`;
  writeFileSync(join(directory, 'admin.key'), `${key}\n`);
  await start();
  expect(readKey()).toBe(key);
  expect(await isValid(key)).toBe(true);
});

test('migrations are applied once, also by several processes at the same time', async () => {
  await Promise.all([migrate(database.db), migrate(database.db), migrate(database.db)]);
  const { rows } = await sql`select name from migrations`.execute(database.db);
  const files = readdirSync(new URL('../migrations', import.meta.url));
  expect(rows).toHaveLength(files.length);
});
