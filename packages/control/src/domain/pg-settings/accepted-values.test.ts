import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installedMajors, SettingsJudge } from '../../testing/settings-judge.ts';
import type { SettingShape } from './setting-shape.ts';
import { isIn, tenantSettings } from './tenant-settings.ts';

const majors = await installedMajors();

/*
 * Validation against the judgement of every Postgres that is installed: what is accepted must not keep
 * a compute from starting.
 */

// Connections grow with the size, and so does the memory: the smallest compute has as few to spare as any.
const smallest = { max_connections: '104', shared_buffers: '32MB', listen_addresses: '' };
const SMALLEST_MEMORY_KB = 1024 ** 2;
// So many runs of Postgres; no setting has so many words, and each spelling gets to many settings.
const ROUNDS = 16;

const spellings = [
  ['0', '1', '-1', '+1', '2', '16', '17', '20', '32', '64', '100', '128', '1000', '65536'],
  ['010', '08MB', '0900', '00', '-01', '0x40', '0X1f', '-0x1', '1e2', '1e05', '1E+2', '1e-2'],
  ['1e-400', '1e99', '0.5', '.5', '5.', '1.5', '99.5', '0.49999', '31.999', '007.5', '0.4999kB'],
  ['64B', '64kB', '96kB', '128kB', '256KB', '2MB', '32MB', '33 MB', '0.5GB', '1TB', '1e1MB'],
  ['2us', '90ms', '1s', '1.5min', '1h', '1d', ' 64', '64 ', ' 64  kB ', '1000 ms', '0x40kB'],
  ['', ' ', 'on', 'ON', 'On', 'of', 'off', 'o', 't', 'tr', 'TRUE', 'false', 'fals', 'y', 'ye'],
  ['yes', 'n', 'no', ' on', 'on ', 'pglz', 'lz4', 'zstd', 'auto', ' auto', 'none', 'default'],
  ['ISO, SQL', 'mdy, dmy', 'ISO, DMY', 'German', 'german,us', 'Postgres , YMD', 'dmy,iso'],
  ['"', '""', '"a', '"$user", public', 'a,,b', 'a,', ',a', '"a""b" , c', 'a b', 'a"b', ' a '],
  ['a.b', '"A".b', 'a.', 'simple', 'pg_catalog.english', "it's", 'a\\b', '"a"b', 'é', '\u00A0a'],
  ['Europe/Berlin', 'europe/berlin', 'UTC', 'utc', 'GMT', 'PST', 'EST5EDT', 'Etc/GMT+5', 'GB'],
  ['+01:00', '5', 'UTC+1', 'posixrules', 'SystemV/PST8', 'US/Pacific-New', 'US/Pacific', 'AST'],
].flat();

/** The limits, or the words, that a refusal names as what may be said. */
function namedValues(shape: SettingShape, pgMajor: number): readonly string[] {
  const refusal = shape.problem('-1e99', pgMajor) ?? '';
  const [, least, most] = /between (\S+)(?: \S+)? and (\S+)/.exec(refusal) ?? [];
  if (least !== undefined && most !== undefined) return [least, most];
  return /one of (.*)$/.exec(refusal)?.[1]?.split(', ') ?? [];
}

/** All of them, those that stand behind a place first: it is another one for each setting. */
function acceptedValues(shape: SettingShape, pgMajor: number, place: number) {
  const named = namedValues(shape, pgMajor);
  const upper = named.map((word) => word.toUpperCase());
  const at = (place * 7) % spellings.length;
  const all = new Set([...named, ...upper, ...spellings.slice(at), ...spellings.slice(0, at)]);
  return [...all].filter((value) => shape.problem(value, pgMajor) === undefined);
}

/** In each round another value of every setting that has so many. */
function roundsOf(accepted: readonly (readonly [string, readonly string[]])[]) {
  return Array.from({ length: ROUNDS }, (_, at) =>
    Object.fromEntries(accepted.flatMap(([name, list]) => (at in list ? [[name, list[at]!]] : []))),
  );
}

describe.each(majors)('Postgres %i', (pgMajor) => {
  const shapes = Object.entries(tenantSettings).filter(([, shape]) => isIn(shape, pgMajor));
  const extremes = (at: 0 | 1) =>
    Object.fromEntries(
      shapes.flatMap(([name, shape]) => {
        const value = namedValues(shape, pgMajor)[at];
        return value !== undefined && shape.problem(value, pgMajor) === undefined
          ? [[name, value]]
          : [];
      }),
    );
  let judge: SettingsJudge;
  beforeAll(async () => {
    judge = await SettingsJudge.open(pgMajor);
  });
  afterAll(() => judge[Symbol.dispose]());

  test('takes every value that is accepted', { timeout: 60_000 }, async () => {
    const accepted = shapes.map(
      ([name, shape], at) => [name, acceptedValues(shape, pgMajor, at)] as const,
    );
    expect(accepted.filter(([, list]) => list.length === 0)).toEqual([]);
    for (const round of roundsOf(accepted)) {
      expect(await judge.complaintAbout(round)).toBe('');
    }
  });

  test('names all that it does not take, of one file', async () => {
    const complaint = await judge.complaintAbout({ jit: ' on ', work_mem: '08MB', geqo: 'on' });
    expect(complaint).toMatch(/"jit"[^]*"work_mem"/);
    expect(complaint).not.toContain('geqo');
  });

  test.each([
    ['least', 0],
    ['largest', 1],
  ] as const)('starts with the %s of all numbers', { timeout: 60_000 }, async (_, at) => {
    const settings = { ...smallest, ...extremes(at) };
    const statement = "select pg_read_file('/proc/self/status');\n";
    const { output, complaint } = await judge.startWith(settings, statement);
    expect(complaint).toBe('');
    const used = process.platform === 'linux' ? /RssShmem:\s+(\d+) kB/.exec(output)?.[1] : 0;
    expect(Number(used)).toBeLessThan(0.7 * SMALLEST_MEMORY_KB);
  });

  test('knows every time zone that is accepted', { timeout: 60_000 }, async () => {
    const zones = candidateZones().filter((zone) => {
      return tenantSettings['timezone']?.problem(zone, pgMajor) === undefined;
    });
    expect(zones.length).toBeGreaterThan(400);
    const { output } = await judge.startWith(smallest, unknownZones(zones));
    expect(/unknown zones: \[(.*)\]/.exec(output)?.[1]).toBe('');
  });
});

function unknownZones(zones: readonly string[]): string {
  const array = zones.map((zone) => `'${zone}'`).join(', ');
  const known = 'select from pg_timezone_names n where lower(n.name) = lower(zone)';
  const list = `'unknown zones: [' || coalesce(string_agg(zone, ' '), '') || ']'`;
  return `select ${list} from unnest(array[${array}]) zone where not exists (${known});\n`;
}

/** Those that JavaScript lists, and all abbreviations, some of which it knows beside them. */
function candidateZones(): readonly string[] {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');
  const pairs = letters.flatMap((first) => letters.map((second) => first + second));
  const triples = pairs.flatMap((pair) => letters.map((third) => pair + third));
  return [...Intl.supportedValuesOf('timeZone'), ...pairs, ...triples];
}
