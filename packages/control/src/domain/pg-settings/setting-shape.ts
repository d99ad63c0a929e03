/** What a value of a setting of Postgres looks like, and when a change of it counts. */
export interface SettingShape {
  /** Says what is wrong with a text; undefined when nothing is. */
  readonly problem: (text: string) => string | undefined;
  /** Only a start takes a change over: in every major version, or up to this one. */
  readonly restart?: boolean | number;
  /** The first and the last major version that has it; all of them when left out. */
  readonly since?: number;
  readonly until?: number;
}

type Unit = 'B' | 'kB' | '8kB' | 'MB' | 'ms' | 's';

export const MAX_INTEGER = 2_147_483_647;

const KIB = 1024;
const byteUnits = { B: 1, kB: KIB, MB: KIB ** 2, GB: KIB ** 3, TB: KIB ** 4 } as const;
const timeUnits = { us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The unit of a setting: how many of what Postgres lets one write make one of it. */
const unitScales: Readonly<
  Record<Unit, { readonly size: number; readonly units: Readonly<Record<string, number>> }>
> = {
  B: { size: 1, units: byteUnits },
  kB: { size: KIB, units: byteUnits },
  '8kB': { size: 8 * KIB, units: byteUnits },
  MB: { size: KIB ** 2, units: byteUnits },
  ms: { size: 1, units: timeUnits },
  s: { size: 1000, units: timeUnits },
};

/** As Postgres reads a boolean: a word or the beginning of one that says which is meant. */
export const bool: SettingShape = {
  problem: (text) =>
    /^(on|off?|t(r(ue?)?)?|f(a(l(se?)?)?)?|y(es?)?|no?|1|0)$/i.test(text.trim())
      ? undefined
      : 'must be on or off',
};

/** A whole number of a unit; without a maximum the largest that Postgres can hold. */
export function integer(min: number, max = MAX_INTEGER, unit?: Unit): SettingShape {
  return number(min, { max, unit, round: Math.round });
}

/** A number, fractions allowed. */
export function real(min: number, max = Number.MAX_VALUE, unit?: Unit): SettingShape {
  return number(min, { max, unit, round: (value) => value });
}

/** One of some words; where `on` is one of them, whatever says so as well. */
export function oneOf(...words: readonly string[]): SettingShape {
  return {
    problem: (text) => {
      const isBoolean = words.includes('on') && bool.problem(text) === undefined;
      if (isBoolean || words.includes(text.trim().toLowerCase())) return undefined;
      return `must be one of ${words.join(', ')}`;
    },
  };
}

/** Any text; Postgres may know better. */
export const text: SettingShape = { problem: () => undefined };

/** A name that the IANA database of time zones has. */
export const timeZone: SettingShape = {
  problem: (zone) => {
    try {
      const { timeZone: known } = Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions();
      return known ? undefined : 'must be a time zone, like Europe/Berlin';
    } catch {
      // The class knows no other way to say so.
      return 'must be a time zone, like Europe/Berlin';
    }
  },
};

/** A style of dates, an order of day and month, or both. */
export const dateStyle: SettingShape = {
  problem: (style) => {
    const words = style.split(',').map((word) => word.trim());
    const isOne = words.every((word) =>
      /^(iso|sql|postgres|german|mdy|dmy|ymd|us|euro(pean)?)$/i.test(word),
    );
    return isOne && words.length <= 2 ? undefined : 'must be a style of dates, like ISO, DMY';
  },
};

interface NumberLimits {
  readonly max: number;
  readonly unit: Unit | undefined;
  readonly round: (value: number) => number;
}

function number(min: number, { max, unit, round }: NumberLimits): SettingShape {
  const named = unit ? ` ${unit}` : '';
  const units = unit ? ` with a unit of ${Object.keys(unitScales[unit].units).join(', ')}` : '';
  return {
    problem: (given) => {
      const value = parse(given, unit);
      if (value === undefined) return `must be a number${units || ' without a unit'}`;
      const rounded = round(value);
      if (rounded >= min && rounded <= max) return undefined;
      return `must be between ${min}${named} and ${max}${named}`;
    },
  };
}

/** In units of the setting. */
function parse(given: string, unit: Unit | undefined): number | undefined {
  const parts = /^\s*([+-]?(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))\s*([a-z]*)\s*$/i.exec(
    given,
  );
  const [, digits = '', suffix = ''] = parts ?? [];
  const value = digits === '' ? Number.NaN : parseNumber(digits);
  if (Number.isNaN(value)) return undefined;
  if (suffix === '') return value;
  if (!unit) return undefined;
  const { size, units } = unitScales[unit];
  return Object.hasOwn(units, suffix) ? (value * (units[suffix] ?? 0)) / size : undefined;
}

// Postgres reads a leading zero as octal.
function parseNumber(digits: string): number {
  const unsigned = digits.replace(/^[+-]/, '');
  const value = /^0[0-7]+$/.test(unsigned) ? Number.parseInt(unsigned, 8) : Number(unsigned);
  return digits.startsWith('-') ? -value : value;
}
