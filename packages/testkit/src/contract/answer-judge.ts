import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { closedSchema, schemaDefinitions } from './closed-schema.ts';
import type { ApiContract, ContractOperation, ContractSchema } from './api-contract.ts';

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

/** What a contract says about an answer. */
export interface Verdict {
  /** Undefined for an address that the contract does not have. */
  readonly operationId: string | undefined;
  /** What is wrong, one sentence each. */
  readonly problems: readonly string[];
}

const errorSchema: ContractSchema = {
  type: 'object',
  properties: {
    request_id: { type: 'string' },
    code: { type: 'string' },
    message: { type: 'string' },
  },
  required: ['code', 'message'],
};

/**
 * Checks answers against a contract: that the status is declared, that the body has the declared
 * schema and formats, and that no field at any depth is undeclared. Of addresses that the contract
 * does not have, errors alone are judged: they have one shape everywhere.
 */
export class AnswerJudge {
  readonly #operations: readonly (readonly [ContractOperation, RegExp])[];
  readonly #ajv: Ajv2020;
  readonly #validators = new Map<ContractSchema, ValidateFunction>();

  constructor({ operations, schemas }: ApiContract) {
    this.#operations = operations.map((operation) => [operation, matcher(operation)]);
    this.#ajv = openAjv();
    this.#ajv.addSchema(schemaDefinitions(schemas));
  }

  judge(answer: ApiAnswer): Verdict {
    const operation = this.#findOperation(answer);
    if (operation) {
      const problems = this.#judgeAnswer(answer, operation);
      return { operationId: operation.operationId, problems };
    }
    const problems = answer.status < 400 ? [] : this.#judgeBody(answer, errorSchema);
    return { operationId: undefined, problems };
  }

  // A path without parameters is preferred to one with: `/projects/shared` to `/projects/{id}`.
  #findOperation({ method, path }: ApiAnswer): ContractOperation | undefined {
    const fits = this.#operations
      .filter(([operation, matches]) => operation.method === method && matches.test(path))
      .map(([operation]) => operation);
    return fits.find((operation) => operation.path === path) ?? fits[0];
  }

  #judgeAnswer(answer: ApiAnswer, { answers }: ContractOperation): string[] {
    const status = String(answer.status);
    // A client that asks on condition knows what HTTP itself answers.
    if (answer.status === 304) return this.#judgeBody(answer, undefined);
    // Every error may be one that the contract has no words for, whatever others look like.
    if (answer.status >= 400 && this.#judgeBody(answer, errorSchema).length === 0) return [];
    if (status in answers) return this.#judgeBody(answer, answers[status]);
    if (answer.status < 400) return [`status ${status} is not in the contract`];
    return this.#judgeBody(answer, answers['default'] ?? errorSchema);
  }

  #judgeBody({ text, contentType }: ApiAnswer, schema: ContractSchema | undefined): string[] {
    if (!schema) return text === '' ? [] : ['there is a body where the contract has none'];
    if (!contentType?.startsWith('application/json')) return [`the body is called ${contentType}`];
    const validate = this.#validator(schema);
    if (validate(parseJson(text))) return [];
    return (validate.errors ?? []).map(describeProblem);
  }

  #validator(schema: ContractSchema): ValidateFunction {
    const known = this.#validators.get(schema);
    if (known) return known;
    const validate = this.#ajv.compile(closedSchema(schema) as object);
    this.#validators.set(schema, validate);
    return validate;
  }
}

function matcher({ path }: ContractOperation): RegExp {
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

// No schema of a contract takes undefined.
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
  return opened;
}

function isUnsigned(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}
