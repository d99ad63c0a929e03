import type { ApiContract, ContractSchema } from './api-contract.ts';
import { resolveSchema } from './random-value.ts';

/** A value that breaks a schema in one place. */
export interface BrokenValue {
  /** The place, as `schemaFields` names it. */
  readonly path: string;
  /** What is wrong there. */
  readonly how: string;
  readonly value: unknown;
}

/**
 * All values that come from a good one by breaking the schema once: a field that is missing, of
 * another type, out of its range or not of its form. Only places that the good value has are broken.
 */
export function brokenValues(
  schema: ContractSchema,
  good: unknown,
  contract: ApiContract,
): readonly BrokenValue[] {
  const broken: BrokenValue[] = [];
  visit(schema, good, { path: '', contract, put: (value) => value, broken });
  return broken;
}

interface Visit {
  readonly path: string;
  readonly contract: ApiContract;
  /** The whole value with another one in this place. */
  readonly put: (value: unknown) => unknown;
  readonly broken: BrokenValue[];
}

function visit(schema: ContractSchema, good: unknown, at: Visit): void {
  const resolved = resolveSchema(schema, at.contract);
  const replacements = resolved.oneOf || resolved.anyOf ? [] : wrongValues(resolved);
  for (const [how, value] of replacements) {
    at.broken.push({ path: at.path, how, value: at.put(value) });
  }
  if (Array.isArray(good)) visitItems(resolved, good, at);
  else if (typeof good === 'object' && good !== null) visitFields(resolved, good, at);
}

function visitFields(schema: ContractSchema, good: object, at: Visit): void {
  const { properties = {}, required = [] } = schema;
  for (const name of required.filter((field) => field in good)) {
    const { [name as keyof object]: _, ...rest } = good;
    at.broken.push({ path: `${at.path}.${name}`, how: 'missing', value: at.put(rest) });
  }
  for (const [name, value] of Object.entries(good)) {
    const inner = properties[name];
    if (!inner) continue;
    const put = (replaced: unknown) => at.put({ ...good, [name]: replaced });
    visit(inner, value, { ...at, path: `${at.path}.${name}`, put });
  }
}

function visitItems({ items }: ContractSchema, good: readonly unknown[], at: Visit): void {
  const [first, ...rest] = good;
  if (!items || good.length === 0) return;
  visit(items, first, { ...at, path: `${at.path}[]`, put: (item) => at.put([item, ...rest]) });
}

function wrongValues(schema: ContractSchema): [how: string, value: unknown][] {
  const { type, minimum, maximum, minLength, maxLength } = schema;
  const wrong: [string, unknown][] = wrongTypes[type ?? ''] ?? [];
  return [
    ...wrong,
    ...(schema.enum ? [['no value of the enum', 'no-such-value'] as [string, unknown]] : []),
    ...(minimum === undefined ? [] : [['too small', minimum - 1] as [string, unknown]]),
    ...(maximum === undefined ? [] : [['too large', maximum + 1] as [string, unknown]]),
    ...(minLength ? [['too short', 'x'.repeat(minLength - 1)] as [string, unknown]] : []),
    ...(maxLength ? [['too long', 'x'.repeat(maxLength + 1)] as [string, unknown]] : []),
    ...(schema.pattern ? [['not of the pattern', 'NOT AN ID!'] as [string, unknown]] : []),
    ...(schema.format && ['date-time', 'uuid', 'email'].includes(schema.format)
      ? [['not of the format', 'neither fish nor fowl'] as [string, unknown]]
      : []),
  ];
}

const wrongTypes: Readonly<Record<string, [how: string, value: unknown][]>> = {
  string: [
    ['a number', 7],
    ['an object', {}],
  ],
  integer: [
    ['a text', 'many'],
    ['a fraction', 1.5],
  ],
  number: [['a text', 'many']],
  boolean: [['a text', 'maybe']],
  array: [['an object', {}]],
  object: [
    ['a text', 'text'],
    ['an array', []],
  ],
};
