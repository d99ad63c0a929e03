import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { parse } from 'yaml';

/*
 * The published OpenAPI file of the contract as a test oracle: read from `node_modules`, where the
 * client brings it, never copied.
 */

interface Specification {
  readonly paths: Record<string, Record<string, PathItem>>;
  readonly components: object;
}

interface PathItem {
  readonly operationId?: string;
  readonly responses: Record<string, unknown>;
}

/** An operation of the contract. */
export interface ContractOperation {
  readonly operationId: string;
  /** In capitals. */
  readonly method: string;
  /** Below `/api/v2`, with `{names}` of parameters. */
  readonly path: string;
}

const require = createRequire(import.meta.url);
const file = join(
  dirname(require.resolve('@neondatabase/api-client/package.json')),
  'public-v2-for-users.gen.yaml',
);
const specification = parse(readFileSync(file, 'utf8')) as Specification;
const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addFormat('int', true);
ajv.addSchema({ $id: 'neon', ...specification });

/** All operations of the contract, in its order. */
export function contractOperations(): ContractOperation[] {
  return Object.entries(specification.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { operationId }]) =>
      operationId ? [{ operationId, method: method.toUpperCase(), path }] : [],
    ),
  );
}

/**
 * Checks an answer of the public API against the contract; returns what is wrong with it, or
 * nothing. Addresses that the contract does not have are not judged.
 */
export function contractProblems(answer: {
  readonly method: string;
  /** Below `/api/v2`, without a query. */
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}): string[] {
  const method = answer.method.toLowerCase();
  const template = findTemplate(answer.path);
  const responses = template && specification.paths[template]?.[method]?.responses;
  if (!responses) return [];
  const key = String(answer.status) in responses ? String(answer.status) : 'default';
  if (key === 'default' && answer.status < 400) return [`${answer.status} is not in the contract`];
  if (answer.status === 204) return answer.body === undefined ? [] : ['204 has a body'];
  const pointer = ['paths', template, method, 'responses', key];
  const validate = validator(`neon#/${schemaPointer(responses[key], pointer)}`);
  if (validate(answer.body)) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
}

// A path without parameters is preferred to one with: `/projects/shared` to `/projects/{project_id}`.
function findTemplate(path: string): string | undefined {
  if (path in specification.paths) return path;
  return Object.keys(specification.paths).find((template) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
}

function validator(reference: string): ValidateFunction {
  return ajv.getSchema(reference) ?? ajv.compile({ $ref: reference });
}

function schemaPointer(response: unknown, pointer: readonly string[]): string {
  const { $ref: reference } = response as { readonly $ref?: string };
  const base = reference
    ? reference.replace('#/', '')
    : pointer
        .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
        .join('/');
  return `${base}/content/application~1json/schema`;
}
