/*
 * What an OpenAPI document says, 3.0 or 3.1, in the form in which contracts are compared and answers
 * are judged.
 */

/** A schema, as far as contracts use the language. */
export interface ContractSchema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';
  readonly properties?: Readonly<Record<string, ContractSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | ContractSchema;
  readonly items?: ContractSchema;
  readonly allOf?: readonly ContractSchema[];
  readonly oneOf?: readonly ContractSchema[];
  readonly anyOf?: readonly ContractSchema[];
  /** Of OpenAPI 3.0; 3.1 has the type `null`. */
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
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
export interface ContractParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: ContractSchema;
}

/** An operation of a contract. */
export interface ContractOperation {
  readonly operationId: string;
  /** In capitals. */
  readonly method: string;
  /** Below `/api/v2`, with `{names}` of parameters. */
  readonly path: string;
  /** The group that it belongs to. */
  readonly tag: string;
  readonly isDeprecated: boolean;
  readonly parameters: readonly ContractParameter[];
  readonly body: { readonly isRequired: boolean; readonly schema: ContractSchema } | undefined;
  /** By status, or `default`; the schema is absent where no JSON is answered. */
  readonly answers: Readonly<Record<string, ContractSchema | undefined>>;
}

/** Everything that a contract says. */
export interface ApiContract {
  /** In the order of the document. */
  readonly operations: readonly ContractOperation[];
  /** What `#/components/schemas/…` refers to. */
  readonly schemas: Readonly<Record<string, ContractSchema>>;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: ContractSchema }>>;
}

interface Operation {
  readonly operationId: string;
  readonly tags?: readonly string[];
  readonly deprecated?: boolean;
  readonly parameters?: readonly ContractParameter[];
  readonly requestBody?: Content & { readonly required?: boolean };
  readonly responses: Readonly<Record<string, Content>>;
}

/** Operations by method, and what they have in common. */
type PathItem = Readonly<Record<string, Operation>> & {
  readonly parameters?: readonly ContractParameter[];
};

/** What is read of an OpenAPI document. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: { readonly schemas: ApiContract['schemas'] };
}

/** Reads an OpenAPI document. */
export function readContract(document: OpenApi): ApiContract {
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
  document: OpenApi,
  at: {
    readonly path: string;
    readonly method: string;
    readonly item: PathItem;
    readonly operation: Operation;
  },
): ContractOperation {
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

function jsonSchema(content: Content | undefined): ContractSchema | undefined {
  return content?.content?.['application/json']?.schema;
}

// Parameters, bodies and answers may be references to shared ones.
function resolve<T>(document: OpenApi, value: T): T {
  const { $ref: reference } = value as { readonly $ref?: string };
  if (!reference) return value;
  const steps = reference.replace('#/', '').split('/');
  return steps.reduce(
    (node, step) => (node as Record<string, unknown>)[step],
    document as unknown,
  ) as T;
}
