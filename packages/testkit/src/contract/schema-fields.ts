import type { ApiContract, ContractSchema } from './api-contract.ts';

/** What a schema says about one place in a value. */
export interface SchemaField {
  /** Names of JSON types. */
  readonly types: ReadonlySet<string>;
  /** Whether it must be there; true for whatever is no field of an object. */
  readonly isRequired: boolean;
  /** Allowed values as JSON; undefined where any value of the type is. */
  readonly values: ReadonlySet<string> | undefined;
  readonly format: string | undefined;
  /** What is taken where it is left out, as JSON. */
  readonly default: string | undefined;
  /** Limits such as `minimum`, by keyword. */
  readonly limits: Readonly<Record<string, unknown>>;
}

/**
 * Takes a schema apart into its places: `` is the value itself, `.name` a field, `[]` any item of an
 * array and `{}` any value of a map. References and compositions are resolved.
 */
export function schemaFields(
  schema: ContractSchema,
  contract: ApiContract,
): ReadonlyMap<string, SchemaField> {
  const fields = new Map<string, SchemaField>();
  collect(merge(schema, contract), { path: '', isRequired: true, contract, fields });
  return fields;
}

interface Place {
  readonly path: string;
  readonly isRequired: boolean;
  readonly contract: ApiContract;
  readonly fields: Map<string, SchemaField>;
}

function collect(merged: Merged, place: Place): void {
  const { fields, path, isRequired, contract } = place;
  const { types, values, format, limits, default: fallback } = merged;
  fields.set(path, { types, isRequired, values, format, default: fallback, limits });
  const below = (step: string, schema: ContractSchema, needed: boolean) =>
    collect(merge(schema, contract), { ...place, path: path + step, isRequired: needed });
  for (const [name, schema] of merged.properties) {
    // What has a default may be left out.
    below(`.${name}`, schema, merged.required.has(name) && schema.default === undefined);
  }
  if (merged.items) below('[]', merged.items, true);
  if (merged.mapped) below('{}', merged.mapped, true);
}

interface Merged extends Omit<SchemaField, 'isRequired'> {
  readonly properties: ReadonlyMap<string, ContractSchema>;
  readonly required: ReadonlySet<string>;
  readonly items: ContractSchema | undefined;
  readonly mapped: ContractSchema | undefined;
}

const limitKeywords = [
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'pattern',
] as const;

// All of `allOf` hold at once; of `anyOf` and `oneOf` any, so their types and values add up.
function merge(schema: ContractSchema, contract: ApiContract): Merged {
  const own = describe(schema);
  const parts = [
    ...(schema.$ref ? [merge(dereference(schema.$ref, contract), contract)] : []),
    ...(schema.allOf ?? []).map((part) => merge(part, contract)),
  ];
  const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (choices.length > 0) parts.push(unite(choices.map((choice) => merge(choice, contract))));
  const merged = parts.reduce(combine, own);
  return schema.nullable ? { ...merged, types: new Set([...merged.types, 'null']) } : merged;
}

function dereference(reference: string, { schemas }: ApiContract): ContractSchema {
  const name = reference.replace('#/components/schemas/', '');
  const schema = schemas[name];
  if (!schema) throw new Error(`the contract refers to ${name} and does not have it`);
  return schema;
}

function describe(schema: ContractSchema): Merged {
  const { additionalProperties: more, format } = schema;
  const values = schema.const === undefined ? schema.enum : [schema.const];
  const types = schema.type ? [schema.type] : (values ?? []).map((value) => typeof value);
  return {
    types: new Set(types),
    values: values && new Set(values.map((value) => JSON.stringify(value))),
    format,
    default: schema.default === undefined ? undefined : JSON.stringify(schema.default),
    limits: Object.fromEntries(
      limitKeywords.flatMap((keyword) =>
        isLimit(keyword, schema[keyword]) ? [[keyword, schema[keyword]]] : [],
      ),
    ),
    properties: new Map(Object.entries(schema.properties ?? {})),
    required: new Set(schema.required),
    items: schema.items,
    mapped: typeof more === 'object' ? more : undefined,
  };
}

// A length of at least 0 says nothing.
function isLimit(keyword: string, limit: unknown): boolean {
  return limit !== undefined && !(limit === 0 && /^min(Length|Items)$/.test(keyword));
}

function combine(a: Merged, b: Merged): Merged {
  return {
    types: a.types.size > 0 ? a.types : b.types,
    values: a.values ?? b.values,
    format: a.format ?? b.format,
    default: a.default ?? b.default,
    limits: { ...b.limits, ...a.limits },
    properties: new Map([...b.properties, ...a.properties]),
    required: new Set([...a.required, ...b.required]),
    items: a.items ?? b.items,
    mapped: a.mapped ?? b.mapped,
  };
}

function unite(choices: readonly Merged[]): Merged {
  const all = choices.reduce(combine);
  // Null is a type of its own, and what it leaves open the other choices do not.
  const real = choices.filter(({ types }) => !types.has('null'));
  const values = real.every((choice) => choice.values)
    ? new Set(real.flatMap((choice) => [...(choice.values ?? [])]))
    : undefined;
  return { ...all, types: new Set(choices.flatMap(({ types }) => [...types])), values };
}
