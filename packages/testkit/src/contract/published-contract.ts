import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

/*
 * The published OpenAPI file of the contract: read from `node_modules`, where the client brings it,
 * never copied. Read at the first use, so that programs that only start platforms do not wait.
 */

/** A schema in the dialect of OpenAPI 3.0. */
export interface PublishedSchema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, PublishedSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | PublishedSchema;
  readonly items?: PublishedSchema;
  readonly allOf?: readonly PublishedSchema[];
  readonly oneOf?: readonly PublishedSchema[];
  readonly anyOf?: readonly PublishedSchema[];
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
}

/** A parameter of an operation. */
export interface PublishedParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: PublishedSchema;
}

/** An operation of the contract. */
export interface PublishedOperation {
  readonly operationId: string;
  /** In capitals. */
  readonly method: string;
  /** Below `/api/v2`, with `{names}` of parameters. */
  readonly path: string;
  /** The group that it belongs to. */
  readonly tag: string;
  readonly isDeprecated: boolean;
  readonly parameters: readonly PublishedParameter[];
  readonly body: { readonly isRequired: boolean; readonly schema: PublishedSchema } | undefined;
  /** By status, or `default`; the schema is absent where no JSON is answered. */
  readonly answers: Readonly<Record<string, PublishedSchema | undefined>>;
}

/** Everything that the contract says. */
export interface PublishedContract {
  /** In the order of the file. */
  readonly operations: readonly PublishedOperation[];
  /** What `#/components/schemas/…` refers to. */
  readonly schemas: Readonly<Record<string, PublishedSchema>>;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: PublishedSchema }>>;
}

interface Operation {
  readonly operationId: string;
  readonly tags?: readonly string[];
  readonly deprecated?: boolean;
  readonly parameters?: readonly PublishedParameter[];
  readonly requestBody?: Content & { readonly required?: boolean };
  readonly responses: Readonly<Record<string, Content>>;
}

/** Operations by method, and what they have in common. */
type PathItem = Readonly<Record<string, Operation>> & {
  readonly parameters?: readonly PublishedParameter[];
};

interface Document {
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: { readonly schemas: PublishedContract['schemas'] };
}

let known: PublishedContract | undefined;

/** The contract as it was published. */
export function publishedContract(): PublishedContract {
  known ??= read();
  return known;
}

function read(): PublishedContract {
  const require = createRequire(import.meta.url);
  const directory = dirname(require.resolve('@neondatabase/api-client/package.json'));
  const text = readFileSync(join(directory, 'public-v2-for-users.gen.yaml'), 'utf8');
  const document = parse(text) as Document;
  return {
    operations: Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries<Operation>(item)
        .filter(([method]) => method !== 'parameters')
        .map(([method, operation]) => describe(document, { path, method, item, operation })),
    ),
    schemas: document.components.schemas,
  };
}

function describe(
  document: Document,
  at: {
    readonly path: string;
    readonly method: string;
    readonly item: PathItem;
    readonly operation: Operation;
  },
): PublishedOperation {
  const { operation } = at;
  const parameters = [...(at.item.parameters ?? []), ...(operation.parameters ?? [])];
  const body =
    operation.requestBody && resolve<Operation['requestBody']>(document, operation.requestBody);
  const bodySchema = jsonSchema(body);
  return {
    operationId: operation.operationId,
    method: at.method.toUpperCase(),
    path: at.path,
    tag: operation.tags?.[0] ?? '',
    isDeprecated: operation.deprecated ?? false,
    parameters: parameters.map((parameter) => resolve(document, parameter)),
    body: bodySchema && { isRequired: body?.required ?? false, schema: bodySchema },
    answers: Object.fromEntries(
      Object.entries(operation.responses).map(([status, response]) => [
        status,
        jsonSchema(resolve(document, response)),
      ]),
    ),
  };
}

function jsonSchema(content: Content | undefined): PublishedSchema | undefined {
  return content?.content?.['application/json']?.schema;
}

// Parameters, bodies and answers may be references to shared ones.
function resolve<T>(document: Document, value: T): T {
  const { $ref: reference } = value as { readonly $ref?: string };
  if (!reference) return value;
  const steps = reference.replace('#/', '').split('/');
  return steps.reduce(
    (node, step) => (node as Record<string, unknown>)[step],
    document as unknown,
  ) as T;
}
