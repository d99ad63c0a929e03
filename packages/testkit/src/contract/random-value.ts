import type { ApiContract, ContractSchema } from './api-contract.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface RandomValueOptions {
  readonly contract: ApiContract;
  readonly random: SeededRandom;
  /** How often fields are there that may be left out. */
  readonly optional: number;
  /** A value that makes sense for a field of this name, such as the id of something that exists. */
  readonly known: (name: string) => string | undefined;
}

/** A value that a schema allows, with a liking for the edges of what it allows. */
export function randomValue(
  schema: ContractSchema,
  options: RandomValueOptions,
  name = '',
): unknown {
  const { contract, random } = options;
  const resolved = resolveSchema(schema, contract);
  if (resolved.nullable && random.chance(0.1)) return null;
  const choices = [...(resolved.oneOf ?? []), ...(resolved.anyOf ?? [])];
  if (choices.length > 0) return randomValue(random.pick(choices), options, name);
  if (resolved.enum) return random.pick(resolved.enum);
  if (resolved.const !== undefined) return resolved.const;
  if (isObject(resolved)) return randomObject(resolved, options);
  if (resolved.type === 'array') return randomArray(resolved, options, name);
  if (resolved.type === 'boolean') return random.chance(0.5);
  if (resolved.type === 'integer') return randomInteger(resolved, random);
  if (resolved.type === 'number') return randomInteger(resolved, random) + random.pick([0, 0.25]);
  if (resolved.type === 'null') return null;
  return options.known(name) ?? randomText(resolved, random);
}

/** A schema without references, its `allOf` made one. */
export function resolveSchema(schema: ContractSchema, contract: ApiContract): ContractSchema {
  const { $ref: reference, allOf = [], ...own } = schema;
  const target = reference && contract.schemas[reference.replace('#/components/schemas/', '')];
  const parts = [...(target ? [target] : []), ...allOf].map((part) =>
    resolveSchema(part, contract),
  );
  return parts.reduce(
    (all, part) => ({
      ...part,
      ...all,
      properties: { ...part.properties, ...all.properties },
      required: [...(part.required ?? []), ...(all.required ?? [])],
    }),
    own,
  );
}

// A schema that is resolved has properties, if only none.
function isObject({ type, properties = {} }: ContractSchema): boolean {
  return type === 'object' || (type === undefined && Object.keys(properties).length > 0);
}

function randomObject(schema: ContractSchema, options: RandomValueOptions): object {
  const { properties = {}, required = [], additionalProperties: more } = schema;
  const isThere = (field: string) =>
    required.includes(field) || options.random.chance(options.optional);
  const fields = Object.entries(properties).filter(([field]) => isThere(field));
  const entries = fields.map(([field, inner]) => [field, randomValue(inner, options, field)]);
  if (typeof more === 'object') {
    const names = ['a', 'work_mem', 'x-y z'].filter(() => options.random.chance(0.4));
    entries.push(...names.map((field) => [field, randomValue(more, options, field)]));
  }
  return Object.fromEntries(entries) as object;
}

function randomArray(schema: ContractSchema, options: RandomValueOptions, name: string) {
  const { items = {}, minItems = 0, maxItems = 3 } = schema;
  const length = Math.min(maxItems, minItems + options.random.below(3));
  return Array.from({ length }, () => randomValue(items, options, name));
}

/** Larger than what a double holds exactly, as 64-bit integers may be. */
const LARGE = 2 ** 53 + 2;

function randomInteger({ minimum, maximum, format }: ContractSchema, random: SeededRandom): number {
  const top = maximum ?? (format === 'int32' ? 2 ** 31 - 1 : LARGE);
  const bottom = minimum ?? (format === 'uint64' ? 0 : -1);
  const edges = [bottom, bottom + 1, 0, 1, 3, 60, 3_600, top - 1, top];
  return random.pick(edges.filter((edge) => edge >= bottom && edge <= top));
}

const texts = [
  'a',
  'main',
  'x y',
  'Zoë ☃',
  '../..',
  "'; --",
  'null',
  '0',
  '0/16B3748',
  '10.0.0.0/8',
];

function randomText(schema: ContractSchema, random: SeededRandom): string {
  const { format, pattern, minLength = 0, maxLength = 300 } = schema;
  if (format === 'date-time') return randomTime(random);
  if (format === 'uuid') return '3f1c2a5e-9d1b-4a66-8f0e-5a4d1c2b3e4f';
  if (format === 'email') return random.pick(['a@example.com', 'zoe+x@example.org']);
  if (format === 'uri') return random.pick(['https://example.com/a?b=c', 'http://127.0.0.1:1/']);
  if (pattern) return random.pick(['some-id-1', 'a', 'x'.repeat(60)]);
  const fits = [...texts, '', 'y'.repeat(maxLength), 'z'.repeat(minLength)].filter(
    ({ length }) => length >= minLength && length <= maxLength,
  );
  return random.pick(fits);
}

function randomTime(random: SeededRandom): string {
  const hours = random.pick([-24 * 400, -24, -1, 1, 24 * 7, 24 * 400]);
  const iso = new Date(Date.now() + hours * 3_600_000).toISOString();
  return random.pick([iso, iso.replace(/\.\d+Z/, 'Z'), iso.replace('Z', '+00:00')]);
}
