import type { ApiContract, ContractSchema } from './api-contract.ts';
import { randomValue, resolveSchema } from './random-value.ts';
import { SeededRandom } from './seeded-random.ts';

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
  const replacements = resolved.oneOf || resolved.anyOf ? [] : wrongValues(resolved, at.contract);
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

type Wrong = [how: string, value: unknown];

function wrongValues(schema: ContractSchema, contract: ApiContract): Wrong[] {
  const { type, minimum, maximum, minLength, maxLength } = schema;
  const wrong: Wrong[] = wrongTypes[type ?? ''] ?? [];
  return [
    ...wrong,
    ...(schema.enum ? [['no value of the enum', 'no-such-value'] as Wrong] : []),
    ...(minimum === undefined ? [] : [['too small', minimum - 1] as Wrong]),
    ...(maximum === undefined ? [] : [['too large', maximum + 1] as Wrong]),
    ...(minLength ? [['too short', 'x'.repeat(minLength - 1)] as Wrong] : []),
    ...(maxLength ? [['too long', 'x'.repeat(maxLength + 1)] as Wrong] : []),
    ...(schema.pattern ? [['not of the pattern', 'NOT AN ID!'] as Wrong] : []),
    ...(schema.format && ['date-time', 'uuid', 'email'].includes(schema.format)
      ? [['not of the format', 'neither fish nor fowl'] as Wrong]
      : []),
    ...wrongSizes(schema, contract),
  ];
}

// Whatever is in it is good, so that its size alone is wrong.
function wrongSizes(schema: ContractSchema, contract: ApiContract): Wrong[] {
  const { items = {}, additionalProperties: more, minItems, maxItems, maxProperties } = schema;
  const one = (inner: ContractSchema) =>
    randomValue(inner, {
      contract,
      random: new SeededRandom(1),
      optional: 0,
      known: () => undefined,
    });
  const list = (length: number) => Array.from({ length }, () => one(items));
  const map = (size: number, inner: ContractSchema) =>
    Object.fromEntries(Array.from({ length: size }, (_, index) => [`name${index}`, one(inner)]));
  return [
    ...(minItems ? [['too few', list(minItems - 1)] as Wrong] : []),
    ...(maxItems === undefined ? [] : [['too many', list(maxItems + 1)] as Wrong]),
    ...(maxProperties !== undefined && typeof more === 'object'
      ? [['too many', map(maxProperties + 1, more)] as Wrong]
      : []),
  ];
}

const wrongTypes: Readonly<Record<string, Wrong[]>> = {
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
