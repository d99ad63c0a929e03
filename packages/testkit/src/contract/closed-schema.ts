import type { ContractSchema } from './api-contract.ts';

/*
 * OpenAPI 3.0 leaves objects open: a field that nobody declared passes. Here every schema exists
 * twice as JSON Schema 2020-12: *closed*, as a value that somebody sees, which refuses undeclared
 * fields, and *open*, as a part of a composition, where the fields of the other parts must pass.
 * What lies below a property or in an array is a value of its own and so closed in both.
 */

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** The schema that holds the definitions to which the results of {@link closedSchema} refer. */
export function schemaDefinitions(schemas: Readonly<Record<string, ContractSchema>>): object {
  const definitions = Object.entries(schemas).flatMap(([name, schema]) => [
    [`closed.${name}`, closedSchema(schema)],
    [`open.${name}`, openSchema(schema)],
  ]);
  return { $id: 'contract', $defs: Object.fromEntries(definitions) };
}

/** A schema as JSON Schema that refuses undeclared fields at every depth. */
export function closedSchema(schema: ContractSchema): JsonSchema {
  if (schema.$ref) return reference('closed', schema.$ref);
  const { nullable, ...rest } = schema;
  if (nullable) return { anyOf: [{ type: 'null' }, closedSchema(rest)] };
  const isObject = schema.type === 'object' || schema.properties || compositions(schema).length > 0;
  return { ...translate(schema), ...(isObject ? { unevaluatedProperties: false } : {}) };
}

function openSchema(schema: ContractSchema): JsonSchema {
  if (schema.$ref) return reference('open', schema.$ref);
  const { nullable, ...rest } = schema;
  return nullable ? { anyOf: [{ type: 'null' }, openSchema(rest)] } : translate(schema);
}

function reference(kind: 'closed' | 'open', to: string): JsonSchema {
  return { $ref: `contract#/$defs/${kind}.${to.replace('#/components/schemas/', '')}` };
}

/** Keywords that say the same in both dialects. */
const plainKeywords = [
  'type',
  'required',
  'enum',
  'const',
  'format',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
] as const;

function translate(schema: ContractSchema): { readonly [keyword: string]: unknown } {
  const { properties, items, additionalProperties: more } = schema;
  return {
    ...Object.fromEntries(
      plainKeywords
        .filter((keyword) => schema[keyword] !== undefined)
        .map((keyword) => [keyword, schema[keyword]]),
    ),
    ...(properties ? { properties: mapValues(properties, closedSchema) } : {}),
    ...(items ? { items: closedSchema(items) } : {}),
    ...(more === undefined
      ? {}
      : { additionalProperties: typeof more === 'boolean' ? more : closedSchema(more) }),
    ...Object.fromEntries(
      compositions(schema).map(([keyword, parts]) => [keyword, parts.map(openSchema)]),
    ),
  };
}

function compositions(schema: ContractSchema): [string, readonly ContractSchema[]][] {
  return (['allOf', 'oneOf', 'anyOf'] as const).flatMap((keyword) => {
    const parts = schema[keyword];
    return parts ? [[keyword, parts] as [string, readonly ContractSchema[]]] : [];
  });
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
