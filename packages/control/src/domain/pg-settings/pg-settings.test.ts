import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from 'kysely';
import type { Database } from '../../store/database.ts';
import { TestPostgres } from '../../testing/test-postgres.ts';
import { needsRestart, requirePgSettings } from './require-pg-settings.ts';

const field = 'endpoint.settings.pg_settings';

const check = (name: string, value: string, pgMajor = 17) => {
  const settings = JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`) as Record<
    string,
    string
  >;
  return () => requirePgSettings(settings, { field, pgMajor });
};

test.each([
  ['work_mem', '8MB'],
  ['Work_Mem', '65536'],
  ['work_mem', '0.5GB'],
  ['statement_timeout', '1.5min'],
  ['statement_timeout', '0'],
  ['random_page_cost', '1.1'],
  ['random_page_cost', '1e1'],
  ['jit', 'of'],
  ['jit', 'TRUE'],
  ['synchronous_commit', 'local'],
  ['synchronous_commit', 'no'],
  ['timezone', 'Europe/Berlin'],
  ['DateStyle', 'ISO, DMY'],
  ['search_path', '"$user", public'],
  ['search_path', ''],
  ['search_path', '"a ""b""" , c'],
  ['default_text_search_config', 'pg_catalog.english'],
  ['synchronous_commit', 'Yes'],
  ['min_wal_size', '32MB'],
  ['notify_buffers', '32'],
  ['notify_buffers', '256kB'],
  ['vacuum_buffer_usage_limit', '0'],
  ['vacuum_buffer_usage_limit', '128kB'],
  ['timezone', 'utc'],
  ['timezone', 'Asia/Kolkata'],
  ['work_mem', '0x80kB'],
  ['App.tenant', 'anything'],
  ['pg_stat_statements.max', '1000'],
  ['max_locks_per_transaction', '128'],
])('%s may be %j', (name, value) => {
  expect(check(name, value)).not.toThrow();
});

test.each([
  ['work_mem', '63kB', 'must be between 64 kB'],
  ['work_mem', '8 MegaBytes', 'must be a number with a unit of'],
  ['work_mem', '8mb', 'must be a number'],
  ['work_mem', '', 'must be a number'],
  ['geqo_threshold', '12kB', 'must be a number without a unit'],
  ['statement_timeout', '-1', 'must be between 0 ms'],
  ['random_page_cost', '-1', 'must be between 0'],
  ['max_parallel_workers', '99999', 'must be between 0 and 1024'],
  ['jit', 'maybe', 'must be on or off'],
  ['jit', 'o', 'must be on or off'],
  ['plan_cache_mode', 'never', 'must be one of auto'],
  ['timezone', 'Nowhere/Atlantis', 'must be a time zone'],
  ['timezone', 'PST', 'must be a time zone'],
  ['timezone', '+01:00', 'must be a time zone'],
  ['timezone', 'SystemV/PST8', 'must be a time zone'],
  ['datestyle', 'nonsense', 'must be a style of dates'],
  ['datestyle', 'ISO, SQL', 'must be a style of dates'],
  ['datestyle', 'mdy, dmy', 'must be a style of dates'],
  ['search_path', '"', 'must be a list of names'],
  ['search_path', '"a" b', 'must be a list of names'],
  ['search_path', 'a,', 'must be a list of names'],
  ['default_text_search_config', '"english', 'must be a name'],
  ['jit', ' on ', 'must be on or off'],
  ['plan_cache_mode', ' auto', 'must be one of auto'],
  ['synchronous_commit', 't', 'must be one of local'],
  ['work_mem', '08MB', 'must be a number without a leading zero'],
  ['work_mem', '0900', 'must be a number without a leading zero'],
  ['random_page_cost', '1e-400', 'must be a number'],
  ['geqo_effort', '0.6', 'must be between 1 and 10'],
  ['min_wal_size', '2MB', 'must be between 32 MB'],
  ['max_wal_size', '2MB', 'must be between 32 MB'],
  ['notify_buffers', '17', 'must be a multiple of 16'],
  ['subtransaction_buffers', '20', 'must be a multiple of 16'],
  ['vacuum_buffer_usage_limit', '64kB', 'must be 0 or between 128 kB'],
  ['default_toast_compression', 'lz4', 'must be one of pglz'],
  ['wal_compression', 'zstd', 'must be one of pglz'],
  ['pg_stat_statements.track', 'most', 'must be one of none'],
])('%s cannot be %j', (name, value, problem) => {
  expect(check(name, value)).toThrow(`invalid: ${field} (${name} ${problem}`);
});

test.each([
  '__proto__',
  'constructor',
  '',
  '-c',
  'a b',
  'a=b',
  'a.',
  '.a',
  'app.tenant.id',
  'app.a$b',
  'app.1st',
  'wor\u212A_mem',
  "work_mem = '1'\nfsync",
])('%j is no name of a setting', (name) => {
  expect(check(name, '1')).toThrow(`invalid: ${field}`);
});

test.each([
  'fsync',
  'FSYNC',
  'full_page_writes',
  'wal_level',
  'wal_keep_size',
  'archive_mode',
  'port',
  'ssl',
  'hba_file',
  'listen_addresses',
  'unix_socket_directories',
  'shared_buffers',
  'shared_preload_libraries',
  'session_preload_libraries',
  'max_connections',
  'superuser_reserved_connections',
  'dynamic_library_path',
  'synchronous_standby_names',
  'log_statement',
  'primary_conninfo',
  'track_activities',
  'zero_damaged_pages',
])("%s is not a tenant's to change", (name) => {
  expect(check(name, 'on')).toThrow(`(${name.toLowerCase()} cannot be changed)`);
});

test('a setting that this version does not have is named, and so is one that no version has', () => {
  expect(check('io_workers', '4', 18)).not.toThrow();
  expect(check('transaction_buffers', '64', 16)).toThrow('Postgres 16 has no setting');
  expect(check('wrok_mem', '4MB')).toThrow('Postgres 17 has no setting "wrok_mem"');
});

test('the words of a setting are those of the version', () => {
  expect(check('wal_compression', 'pglz', 15)).not.toThrow();
  expect(check('wal_compression', 'of', 14)).not.toThrow();
  expect(check('wal_compression', 'pglz', 14)).toThrow('wal_compression must be on or off');
});

test('what is in force is taken again beside a change, whatever is accepted by now', () => {
  const known = { default_toast_compression: 'lz4' };
  const place = { field: 'f', pgMajor: 17, known };
  requirePgSettings({ ...known, work_mem: '8MB' }, place);
  expect(() => requirePgSettings({ default_toast_compression: 'LZ4' }, place)).toThrow('must be');
});

test('the same setting cannot be given in two spellings', () => {
  const settings = { work_mem: '8MB', WORK_MEM: '9MB' };
  expect(() => requirePgSettings(settings, { field, pgMajor: 17 })).toThrow('is given twice');
});

test('only settings that a running Postgres does not take over ask for a start', () => {
  expect(needsRestart({}, { work_mem: '8MB' }, 17)).toBe(false);
  expect(needsRestart({}, { max_locks_per_transaction: '80' }, 17)).toBe(true);
  expect(needsRestart({ max_locks_per_transaction: '80' }, {}, 17)).toBe(true);
  const same = { MAX_LOCKS_PER_TRANSACTION: '80' };
  expect(needsRestart({ max_locks_per_transaction: '80' }, same, 17)).toBe(false);
  expect(needsRestart({}, { autovacuum_max_workers: '4' }, 17)).toBe(true);
  expect(needsRestart({}, { autovacuum_max_workers: '4' }, 18)).toBe(false);
});

interface RealSetting {
  readonly name: string;
  readonly setting: string;
  readonly vartype: string;
  readonly min_val: string | null;
  readonly enumvals: readonly string[] | null;
  readonly context: string;
}

let postgres: TestPostgres;
let db: Database;
let real: readonly RealSetting[];
let pgMajor: number;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  ({ db } = await postgres.createDatabase());
  const { rows } = await sql<RealSetting>`
    select name, setting, vartype, min_val, enumvals, context from pg_settings
    where context <> 'internal'`.execute(db);
  real = rows;
  const version = await sql<{
    v: string;
  }>`select current_setting('server_version_num') as v`.execute(db);
  pgMajor = Math.floor(Number(version.rows[0]!.v) / 10_000);
});
afterAll(async () => {
  await db?.destroy();
  await postgres?.[Symbol.asyncDispose]();
});

const isOpen = ({ name, setting }: RealSetting) => {
  try {
    check(name, setting, pgMajor)();
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.includes('cannot be changed')) return false;
    throw error;
  }
};

test('every setting of a real Postgres is known: with its present value, or as not to be changed', () => {
  const open = real.filter(isOpen);
  expect(open.length).toBeGreaterThan(150);
  for (const { name, context } of open) {
    const asks = needsRestart({}, { [name]: 'x' }, pgMajor);
    expect([name, asks]).toEqual([name, context === 'postmaster']);
  }
});

test('words of a real Postgres are accepted', () => {
  // Which methods of compression there are is decided when it is built.
  const choices = real.filter(
    ({ vartype, name }) => vartype === 'enum' && !name.endsWith('_compression'),
  );
  const words = choices
    .filter(isOpen)
    .flatMap(({ name, enumvals }) => (enumvals ?? []).map((word) => [name, word] as const));
  expect(words.length).toBeGreaterThan(40);
  for (const [name, word] of words) expect(check(name, word, pgMajor)).not.toThrow();
});

/** What older versions want, and what Postgres looks at only when it has read its control file. */
const leastOf: Readonly<Record<string, number>> = {
  maintenance_work_mem: 1024,
  max_wal_size: 32,
  min_wal_size: 32,
};

test('numbers are refused that are too small for a real Postgres, and no larger ones', () => {
  const numbers = real.filter(isOpen).flatMap(({ name, min_val: min }) => {
    const least = leastOf[name] ?? min;
    return least === null ? [] : [[name, Number(least)] as const];
  });
  expect(numbers.length).toBeGreaterThan(100);
  for (const [name, min] of numbers) expect(check(name, String(min), pgMajor)).not.toThrow();
  for (const [name, min] of numbers.filter(([, least]) => least > -2_147_483_648)) {
    expect(check(name, String(min - 1), pgMajor)).toThrow(/must be (0 or )?between/);
  }
});

test('the time zones of a real Postgres are accepted', async () => {
  const { rows } = await sql<{ name: string }>`
    select name from pg_timezone_names
    where name !~ '^(posix|right)/' and name not in ('Factory', 'localtime', 'posixrules')`.execute(
    db,
  );
  expect(rows.length).toBeGreaterThan(400);
  for (const { name } of rows) expect(check('timezone', name, pgMajor)).not.toThrow();
});
