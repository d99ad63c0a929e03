import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { closedSchema, schemaDefinitions } from './closed-schema.ts';
import { publishedContract } from './published-contract.ts';
import type { PublishedOperation, PublishedSchema } from './published-contract.ts';

/** An answer of the public API. */
export interface ApiAnswer {
  readonly method: string;
  /** Below `/api/v2`, without a query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string | undefined;
  /** The body as it was sent. */
  readonly text: string;
}

/** What the contract says about an answer. */
export interface Verdict {
  /** Undefined for an address that the contract does not have. */
  readonly operationId: string | undefined;
  /** What is wrong, one sentence each. */
  readonly problems: readonly string[];
}

/**
 * Checks an answer against the published contract: that its status is declared, that its body has
 * the declared schema and formats, and that no field at any depth is undeclared. Of addresses that
 * the contract does not have, errors alone are judged: they have one shape everywhere.
 */
export function judgeAnswer(answer: ApiAnswer): Verdict {
  const operation = findOperation(answer);
  if (!operation) {
    const problems = answer.status < 400 ? [] : judgeBody(answer, errorSchema);
    return { operationId: undefined, problems };
  }
  return { operationId: operation.operationId, problems: judge(answer, operation) };
}

const errorSchema: PublishedSchema = { $ref: '#/components/schemas/GeneralError' };

function judge(answer: ApiAnswer, { answers }: PublishedOperation): string[] {
  const status = String(answer.status);
  if (status in answers) return judgeBody(answer, answers[status]);
  if (answer.status < 400) return [`status ${status} is not in the contract`];
  return judgeBody(answer, answers['default'] ?? errorSchema);
}

function judgeBody(answer: ApiAnswer, schema: PublishedSchema | undefined): string[] {
  const { text, contentType } = answer;
  if (!schema) return text === '' ? [] : ['there is a body where the contract has none'];
  if (!contentType?.startsWith('application/json')) return [`the body is called ${contentType}`];
  const validate = validator(schema);
  if (validate(parseJson(text))) return [];
  return (validate.errors ?? []).map(describeProblem);
}

// No schema of the contract takes undefined.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function describeProblem({ instancePath, message, params }: ErrorObject): string {
  const { unevaluatedProperty: field } = params as { readonly unevaluatedProperty?: string };
  if (field) return `${instancePath}/${field} is not in the contract`;
  return `${instancePath || 'the body'} ${message ?? 'is wrong'}`;
}

const matchers = new Map<PublishedOperation, RegExp>();

// A path without parameters is preferred to one with: `/projects/shared` to `/projects/{project_id}`.
function findOperation({ method, path }: ApiAnswer): PublishedOperation | undefined {
  const fits = publishedContract().operations.filter(
    (operation) => operation.method === method && matcher(operation).test(path),
  );
  return fits.find((operation) => operation.path === path) ?? fits[0];
}

function matcher(operation: PublishedOperation): RegExp {
  const known = matchers.get(operation);
  if (known) return known;
  const made = new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
  matchers.set(operation, made);
  return made;
}

let ajv: Ajv2020 | undefined;
const validators = new Map<PublishedSchema, ValidateFunction>();

function validator(schema: PublishedSchema): ValidateFunction {
  const known = validators.get(schema);
  if (known) return known;
  ajv ??= openAjv();
  const validate = ajv.compile(closedSchema(schema) as object);
  validators.set(schema, validate);
  return validate;
}

function openAjv(): Ajv2020 {
  const opened = new Ajv2020({
    allErrors: true,
    strictTypes: false,
    strictRequired: false,
    // They are made by this package; checking them takes longer than everything else.
    validateSchema: false,
  });
  formats.default(opened);
  opened.addFormat('int', { type: 'number', validate: Number.isInteger });
  opened.addFormat('uint64', { type: 'number', validate: isUnsigned });
  opened.addSchema(schemaDefinitions(publishedContract().schemas));
  return opened;
}

function isUnsigned(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}
