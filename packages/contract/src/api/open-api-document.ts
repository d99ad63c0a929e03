import type { TSchema } from 'typebox';
import { ErrorBody } from './accounts.ts';
import type { ApiOperation, ApiOperationGroup } from './operations/api-operation.ts';
import { idPattern } from '../ids.ts';

/*
 * The public API as an OpenAPI 3.1 document, made from the schemas that requests are checked with.
 * A schema with a title stands once, under `components`, and is referred to everywhere else.
 */

/** Any JSON object. */
export interface JsonObject {
  readonly [name: string]: unknown;
}

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument extends JsonObject {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonObject>> } & JsonObject;
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly parameters: readonly JsonObject[];
  readonly requestBody?: { readonly required: boolean; readonly content: JsonContent };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: JsonContent }>
  >;
}

interface JsonContent {
  readonly 'application/json': { readonly schema: JsonObject };
}

/** Describes operations; `version` is that of the program. */
export function openApiDocument(
  groups: readonly ApiOperationGroup[],
  version: string,
): OpenApiDocument {
  const components: Record<string, JsonObject> = {};
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const { name, operations } of groups) {
    for (const operation of operations) {
      const path = (paths[operation.path] ??= {});
      path[operation.method.toLowerCase()] = describeOperation(operation, name, components);
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'pgfleet',
      version,
      description: 'Every tenant a Postgres of its own. Compatible with the Neon API v2.',
    },
    servers: [{ url: '/api/v2' }],
    security: [{ key: [] }],
    tags: groups.map(({ name }) => ({ name })),
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: components,
    },
  };
}

type Components = Record<string, JsonObject>;

function describeOperation(
  operation: ApiOperation,
  group: string,
  components: Components,
): OpenApiOperation {
  const { id, summary, body, query } = operation;
  return {
    operationId: id,
    tags: [group],
    summary,
    parameters: [
      ...pathParameters(operation.path),
      ...(query ? queryParameters(query, components) : []),
      ...headers(operation),
    ],
    ...(body
      ? { requestBody: { required: isNeeded(body), content: content(body, components) } }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.answers).map(([status, schema]) => [
          status,
          { description: 'Success.', ...(schema ? { content: content(schema, components) } : {}) },
        ]),
      ),
      default: { description: 'What went wrong.', content: content(ErrorBody, components) },
    },
  };
}

const requestId = header(
  'X-Request-ID',
  'Names the request, in up to 256 printable characters of ASCII; errors repeat it.',
);
const idempotencyKey = header(
  'Idempotency-Key',
  'A call repeated with the same key within a day gets the first answer and changes nothing.',
);

const prefer = header(
  'Prefer',
  'With `wait=N` the answer comes when its operations have ended, or after N seconds, at most 55.',
);
const ifMatch = header(
  'If-Match',
  'The ETag of the object as it was seen; 412 when it has changed since.',
);
const ifNoneMatch = header(
  'If-None-Match',
  'The ETag of the object as it is known; 304 when it has not changed since.',
);

function headers({ method, path }: ApiOperation): JsonObject[] {
  const isObject = objectPath.test(path);
  if (method === 'GET') return isObject ? [requestId, ifNoneMatch] : [requestId];
  const changing = [requestId, idempotencyKey, prefer];
  return isObject && method !== 'POST' ? [...changing, ifMatch] : changing;
}

const objectPath = /(\}|backup_schedule|spending_limit)$/;

function header(name: string, description: string): JsonObject {
  return { name, in: 'header', required: false, description, schema: { type: 'string' } };
}

/** Parameters of paths that are no ids of pgfleet. */
const pathSchemas: Readonly<Record<string, JsonObject>> = {
  key_id: { type: 'integer', format: 'int64' },
  operation_id: { type: 'string', format: 'uuid' },
  member_id: { type: 'string', format: 'uuid' },
  permission_id: { type: 'string' },
  jwks_id: { type: 'string' },
  role_name: { type: 'string' },
  database_name: { type: 'string' },
};

function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: pathSchemas[name] ?? { type: 'string', pattern: idPattern },
  }));
}

function queryParameters(query: TSchema, components: Components): JsonObject[] {
  const { properties, required = [] } = plain(query) as ObjectSchema;
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name) && schema['default'] === undefined,
    schema: refer(schema, components),
  }));
}

interface ObjectSchema extends JsonObject {
  readonly properties: Readonly<Record<string, JsonObject>>;
  readonly required?: readonly string[];
}

// What has a default may be left out.
function isNeeded(body: TSchema): boolean {
  const { properties, required = [] } = plain(body) as ObjectSchema;
  return required.some((name) => properties[name]?.['default'] === undefined);
}

function content(schema: TSchema, components: Components): JsonContent {
  return { 'application/json': { schema: refer(plain(schema), components) } };
}

// Schemas carry marks of their library beside what JSON shows.
function plain(schema: TSchema): JsonObject {
  return JSON.parse(JSON.stringify(schema)) as JsonObject;
}

/** Replaces what has a title by references, and keeps it under `components`. */
function refer(schema: JsonObject, components: Components): JsonObject {
  const { title } = schema;
  if (typeof title !== 'string') return referWithin(schema, components);
  components[title] ??= referWithin(schema, components);
  return { $ref: `#/components/schemas/${title}` };
}

function referWithin(schema: JsonObject, components: Components): JsonObject {
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (keyword === 'properties') return [keyword, mapValues(value as JsonObject, components)];
      // A map has one pattern, which every name matches.
      if (keyword !== 'patternProperties') return [keyword, referAny(value, components)];
      return ['additionalProperties', referAny(Object.values(value as JsonObject)[0], components)];
    }),
  );
}

function mapValues(properties: JsonObject, components: Components): JsonObject {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [name, referAny(value, components)]),
  );
}

function referAny(value: unknown, components: Components): unknown {
  if (Array.isArray(value)) return value.map((item) => referAny(item, components));
  if (typeof value !== 'object' || value === null) return value;
  return refer(value as JsonObject, components);
}
