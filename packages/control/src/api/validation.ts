import { PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance, FastifyRequest, FastifySchemaCompiler } from 'fastify';
import { Compile } from 'typebox/compile';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';

/*
 * Requests are checked against the contract's schemas. Fields that a schema does not know are
 * dropped; a query's text is converted to the declared types; wrong ones are worded as the
 * contract's own errors are.
 */

/** Compiles a TypeBox schema for Fastify. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  const place = places[httpPart ?? 'body'];
  return (given: unknown) => {
    const value = Value.Default(
      schema,
      httpPart === 'body' ? (given ?? {}) : convert(schema, given),
    );
    if (validator.Check(value)) return { value: Value.Clean(schema, value) };
    return { error: invalidRequest(place, validator.Errors(value)[0]) };
  };
};

const places: Readonly<Record<string, string>> = {
  body: 'decode application/json: invalid: ',
  querystring: 'decode params: query: ',
  params: 'decode params: path: ',
};

// The library makes integers of fractions by cutting them off.
function convert(schema: TSchema, given: unknown): unknown {
  const texts = withoutEmptyCursor(given as Readonly<Record<string, unknown>>);
  const values = Value.Convert(schema, { ...texts }) as Readonly<Record<string, unknown>>;
  const isExact = (name: string, value: unknown) =>
    typeof value !== 'number' || Number(texts[name]) === value;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      isExact(name, value) ? value : texts[name],
    ]),
  );
}

// Clients that go through a list begin with an empty cursor: it means the first page.
function withoutEmptyCursor({ cursor, ...others }: Readonly<Record<string, unknown>>) {
  return cursor === undefined || cursor === '' ? others : { cursor, ...others };
}

interface Problem {
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

function invalidRequest(place: string | undefined, problem: Problem | undefined): PgfleetError {
  const path = problem?.instancePath.split('/').slice(1) ?? [];
  const { requiredProperties: missing } = (problem?.params ?? {}) as {
    readonly requiredProperties?: readonly string[];
  };
  const field = [...path, ...(missing?.slice(0, 1) ?? [])].join('.') || 'body';
  const what = missing ? 'field required' : (problem?.message ?? 'wrong type');
  return new PgfleetError('invalid_request', {
    message: `invalid request: ${place}${field} (${what})`,
  });
}

/** What `curl -d` says of any body, and what clients say that know no better. */
const looseTypes = ['application/x-www-form-urlencoded', 'text/plain'];

/** Makes a server take JSON bodies and no others, also from clients that call them something else. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['application/json', ...looseTypes],
    { parseAs: 'string' },
    async (_request: FastifyRequest, body: string) => parseJson(body),
  );
}

// An empty body is none.
function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new PgfleetError('invalid_request', {
      message: 'invalid request: decode application/json: the body is not valid JSON',
      cause: error,
    });
  }
}

/**
 * Refuses text that Postgres cannot store: the NUL character and halves of surrogate pairs.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function requireStorableText(value: unknown): void {
  if (typeof value === 'string') {
    if (!unstorable.test(value)) return;
    throw new PgfleetError('invalid_request', {
      message: 'invalid request: text must not contain NUL or unpaired surrogates',
    });
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    requireStorableText(name);
    requireStorableText(item);
  }
}

const unstorable = /[\0\p{Surrogate}]/u;
