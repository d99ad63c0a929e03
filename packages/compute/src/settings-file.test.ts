import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AdminConnection } from './admin-connection.ts';
import { ComputeError } from './compute-error.ts';
import { Fixture } from './fixture.ts';
import { LiveSettings, readOutdated, writeSettings } from './settings-file.ts';
import type { PostgresSettings } from './settings.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.open(17);
});
afterAll(async () => await fixture[Symbol.asyncDispose]());

async function startWith(changeable: PostgresSettings) {
  const place = await fixture.clone();
  await fixture.start(place, { changeable });
  const connection = await fixture.connect(place);
  const live = new LiveSettings(place.dataDirectory);
  const change = (settings: PostgresSettings) => live.change(connection, settings);
  return { place, connection, change };
}

async function show(connection: AdminConnection, name: string): Promise<string | undefined> {
  const rows = await connection.query<{ value: string }>('SELECT current_setting($1) AS value', [
    name,
  ]);
  return rows[0]?.value;
}

const asStarted = { fixed: { wal_level: 'replica' }, changeable: {} };
const told = (changeable: PostgresSettings) => ({ ...asStarted, changeable });

test('a running instance takes new settings over in the sessions that are open', async () => {
  const { place, connection, change } = await startWith({ work_mem: '5MB' });
  await using _admin = connection;
  await using session = await fixture.connect(place);
  expect(await show(session, 'work_mem')).toBe('5MB');
  await change({ work_mem: '7MB', 'app.motto': "it's\nC:\\temp" });
  expect(await show(session, 'work_mem')).toBe('7MB');
  expect(await show(session, 'app.motto')).toBe("it's\nC:\\temp");
  await change({});
  expect(await show(session, 'work_mem')).toBe('4MB');
  expect(await readOutdated(connection, asStarted)).toEqual([]);
  expect(await show(session, 'timezone')).toBe('UTC');
});

test('what only a start can change waits for the next one and is named until then', async () => {
  const { connection, change } = await startWith({ max_locks_per_transaction: '64' });
  await using _admin = connection;
  const more = { max_locks_per_transaction: '80', work_mem: '9MB' };
  await change(more);
  expect(await show(connection, 'max_locks_per_transaction')).toBe('64');
  expect(await show(connection, 'work_mem')).toBe('9MB');
  expect(await readOutdated(connection, told(more))).toEqual(['max_locks_per_transaction']);
  const logical = { ...told(more), fixed: { wal_level: 'logical' } };
  expect(await readOutdated(connection, logical)).toEqual([
    'max_locks_per_transaction',
    'wal_level',
  ]);
  await change({ max_locks_per_transaction: '64' });
  expect(await readOutdated(connection, asStarted)).toEqual([]);
});

test('what only a start can change is taken back at the next one, and holds nothing else up', async () => {
  const { connection, change } = await startWith({
    max_locks_per_transaction: '80',
    max_worker_processes: '20',
    shared_preload_libraries: 'auto_explain',
  });
  await using _admin = connection;
  const less = { work_mem: '9MB' };
  await change(less);
  expect(await show(connection, 'work_mem')).toBe('9MB');
  const outdated = [
    'max_locks_per_transaction',
    'max_worker_processes',
    'shared_preload_libraries',
  ];
  const fixed = { ...asStarted.fixed, max_worker_processes: '12' };
  expect(await readOutdated(connection, { fixed, changeable: less })).toEqual(outdated);
  await change({ work_mem: '10MB' });
  expect(await show(connection, 'work_mem')).toBe('10MB');
  await expect(change({ work_mem: 'a lot' })).rejects.toMatchObject({ code: 'settings_refused' });
});

test('what was asked for and taken back before a start waits for none', async () => {
  const { connection, change } = await startWith({});
  await using _admin = connection;
  await change({ max_locks_per_transaction: '80', max_worker_processes: '40' });
  await change({});
  expect(await readOutdated(connection, asStarted)).toEqual([]);
});

test('a value that Postgres does not accept changes nothing', async () => {
  const { connection, change } = await startWith({ work_mem: '5MB' });
  await using _admin = connection;
  const refused = change({ work_mem: '6MB', timezone: 'Nowhere/Atlantis' });
  await expect(refused).rejects.toBeInstanceOf(ComputeError);
  await expect(refused).rejects.toMatchObject({
    code: 'settings_refused',
    message: expect.stringMatching(/timezone/i) as string,
  });
  await expect(change({ work_mem: '6MB', no_such_setting: '1' })).rejects.toThrow(
    'no_such_setting',
  );
  expect(await show(connection, 'work_mem')).toBe('5MB');
  await change({ work_mem: '6MB' });
  expect(await show(connection, 'work_mem')).toBe('6MB');
});

test('what was written but never told is told, and what was told is not told again', async () => {
  const { place, connection, change } = await startWith({ work_mem: '5MB' });
  await using _admin = connection;
  const settings = { work_mem: '6MB' };
  await writeSettings(place.dataDirectory, settings);
  await change(settings);
  expect(await show(connection, 'work_mem')).toBe('6MB');
  const loadedAt = () => connection.query('SELECT pg_conf_load_time()::text AS at');
  const before = await loadedAt();
  await change(settings);
  expect(await loadedAt()).toEqual(before);
});

test('a change that was cut off after it was written is refused and taken back all the same', async () => {
  const { place, connection, change } = await startWith({});
  await using _admin = connection;
  await change({ work_mem: '6MB' });
  const bad = { work_mem: '7MB', timezone: 'Nowhere/Atlantis' };
  await writeSettings(place.dataDirectory, bad);
  await expect(change(bad)).rejects.toMatchObject({ code: 'settings_refused' });
  await connection.query('SELECT pg_reload_conf()');
  await change({ work_mem: '6MB' });
  const errors = 'SELECT name FROM pg_file_settings WHERE error IS NOT NULL';
  expect(await connection.query(errors)).toEqual([]);
  expect(await show(connection, 'work_mem')).toBe('6MB');
});

test('what is on the command line is out of reach of the file and of ALTER SYSTEM', async () => {
  const { connection, change } = await startWith({ fsync: 'off', work_mem: '5MB' });
  await using _admin = connection;
  await connection.query('ALTER SYSTEM SET fsync = off');
  await change({ fsync: 'off', work_mem: '6MB' });
  expect(await show(connection, 'work_mem')).toBe('6MB');
  expect(await show(connection, 'fsync')).toBe('on');
});
