import { expect, test } from 'vitest';
import { readContract } from './api-contract.ts';
import type { ContractSchema } from './api-contract.ts';
import { compareContracts } from './compare-contracts.ts';
import { schemaDifferences } from './deliberate-differences.ts';
import { ownContract } from './own-contract.ts';
import { publishedContract } from './published-contract.ts';

const differences = compareContracts(ownContract(), publishedContract());

test('our schemas differ from the published ones only where that is wanted', () => {
  const unexplained = differences.filter(
    (line) => !schemaDifferences.some(({ lines }) => lines.test(line)),
  );
  expect(unexplained).toEqual([]);
});

test('every wanted difference exists', () => {
  const stale = schemaDifferences.filter(
    ({ lines }) => !differences.some((line) => lines.test(line)),
  );
  expect(stale.map(({ lines }) => lines.source)).toEqual([]);
});

/** A contract with one operation, which takes and answers the same. */
function contract(schema: ContractSchema, parts: Record<string, ContractSchema> = {}) {
  const content = { 'application/json': { schema } };
  const operation = {
    operationId: 'op',
    requestBody: { content },
    responses: { 200: { content } },
  };
  return readContract({ paths: { '/x': { post: operation } }, components: { schemas: parts } });
}

function compare(ours: ContractSchema, published: ContractSchema) {
  return compareContracts(contract(ours), contract(published));
}

const object = (properties: Record<string, ContractSchema>, required: string[] = []) =>
  ({ type: 'object', properties, required }) as const;

test('a field that one of them lacks is told once, wherever it lies', () => {
  const inner = object({ b: object({ c: { type: 'string' } }) }, ['b']);
  const list = (items: ContractSchema) => object({ a: { type: 'array', items } });
  expect(compare(list(object({})), list(inner))).toEqual([
    'op body .a[].b: missing, and required',
    'op 200 .a[].b: missing, and required',
  ]);
  expect(compare(list(inner), list(object({})))).toEqual([
    'op body .a[].b: not in the contract',
    'op 200 .a[].b: not in the contract',
  ]);
});

test('types, values, formats and what is required are compared', () => {
  expect(compare({ type: 'string' }, { type: 'integer' })).toEqual([
    'op body: type string, there integer',
    'op 200: type string, there integer',
  ]);
  expect(compare({ enum: ['a', 'b'] }, { type: 'string', enum: ['a'] })).toEqual([
    'op body: values "a"|"b", there "a"',
    'op 200: values "a"|"b", there "a"',
  ]);
  expect(compare({ type: 'string' }, { type: 'string', format: 'uuid' })).toEqual([
    'op body: format any, there uuid',
    'op 200: format any, there uuid',
  ]);
  const text = { a: { type: 'string' } } as const;
  expect(compare(object(text), object(text, ['a']))).toEqual([
    'op body .a: required false, there true',
    'op 200 .a: required false, there true',
  ]);
});

test('limits of requests are compared, those of maps too', () => {
  const map = { type: 'object', additionalProperties: { type: 'string' } } as const;
  expect(compare(map, { ...map, maxProperties: 50 })).toEqual([
    'op body: maxProperties any, there 50',
  ]);
});

test('what is taken for a field that is left out is compared', () => {
  const field = (more: ContractSchema) => object({ a: { type: 'integer', ...more } });
  expect(compare(field({ default: 1 }), field({ default: 2 }))).toEqual([
    'op body .a: default 1, there 2',
  ]);
  expect(compare(field({}), field({ default: 2 }))).toEqual(['op body .a: default any, there 2']);
});

test('an answer may promise more than the published one', () => {
  const text = { a: { type: 'string' } } as const;
  expect(compare(object(text, ['a']), object(text))).toEqual([
    'op body .a: required true, there false',
  ]);
  expect(compare({ enum: ['a'] }, { type: 'string' })).toEqual(['op body: values "a", there any']);
  expect(compare({ type: 'integer' }, { type: 'number' })).toEqual([
    'op body: type integer, there number',
  ]);
});

test('null, references and compositions are the same in both dialects', () => {
  const parts = { Part: object({ a: { type: 'string', nullable: true } }, ['a']) };
  const published = contract(
    { allOf: [{ $ref: '#/components/schemas/Part' }, object({ b: { type: 'integer' } })] },
    parts,
  );
  const ours = contract(
    object({ a: { anyOf: [{ type: 'string' }, { type: 'null' }] }, b: { type: 'integer' } }, ['a']),
  );
  expect(compareContracts(ours, published)).toEqual([]);
});
