import type { SettingShape } from './setting-shape.ts';

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

// No exponent and no length that leads out of what Postgres can hold, or so near to zero that it minds.
const numberWithUnit =
  /^ *([+-]?(?:0x[0-9a-f]{1,16}|(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:e[+-]?\d{1,2})?)) *([a-z]*) *$/i;

/** A whole number of a unit; without a maximum the largest that Postgres can hold. */
export function integer(min: number, max = MAX_INTEGER, unit?: Unit): SettingShape {
  return number(min, { max, unit });
}

/** A number, fractions allowed. */
export function real(min: number, max = Number.MAX_VALUE, unit?: Unit): SettingShape {
  return number(min, { max, unit });
}

/** A whole number of a unit, or 0 for none of it. */
export function integerOrZero(min: number, max: number, unit: Unit): SettingShape {
  return number(min, { max, unit, isZeroToo: true });
}

/** A number of pages of a cache that is made of banks of as many pages each. */
export function banksOf(pages: number, min: number, max: number): SettingShape {
  return number(min, { max, unit: '8kB', multipleOf: pages });
}

interface NumberLimits {
  readonly max: number;
  readonly unit: Unit | undefined;
  readonly isZeroToo?: boolean;
  readonly multipleOf?: number;
}

// Postgres rounds what shall be a whole number, and then looks whether it is in range. Since the limits
// are whole numbers, what is between them stays there.
function number(min: number, { max, unit, isZeroToo, multipleOf }: NumberLimits): SettingShape {
  const named = unit ? ` ${unit}` : '';
  const units = unit ? ` with a unit of ${Object.keys(unitScales[unit].units).join(', ')}` : '';
  const zero = isZeroToo ? '0 or ' : '';
  return {
    problem: (given) => {
      const value = parse(given, unit);
      if (value === undefined) return `must be a number${units || ' without a unit'}`;
      // Postgres reads an octal number there.
      if (/^ *[+-]?0\d/.test(given)) return 'must be a number without a leading zero';
      if (value === 0 && isZeroToo) return undefined;
      if (value < min || value > max)
        return `must be ${zero}between ${min}${named} and ${max}${named}`;
      if (multipleOf && value % multipleOf !== 0)
        return `must be a multiple of ${multipleOf}${named}`;
      return undefined;
    },
  };
}

/** In units of the setting. */
function parse(given: string, unit: Unit | undefined): number | undefined {
  const [, digits, suffix = ''] = numberWithUnit.exec(given) ?? [];
  if (digits === undefined) return undefined;
  const value = parseDigits(digits);
  if (suffix === '') return value;
  if (!unit) return undefined;
  const { size, units } = unitScales[unit];
  return Object.hasOwn(units, suffix) ? (value * (units[suffix] ?? 0)) / size : undefined;
}

// `Number` knows no sign before a hexadecimal number.
function parseDigits(digits: string): number {
  const value = Number(digits.replace(/^[+-]/, ''));
  return digits.startsWith('-') ? -value : value;
}
