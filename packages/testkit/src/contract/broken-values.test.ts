import { expect, test } from 'vitest';
import type { ContractSchema } from './api-contract.ts';
import { brokenValues } from './broken-values.ts';

const none = { operations: [], schemas: {} };

/** What is wrong with the values made from a good one, by place. */
function broken(schema: ContractSchema, good: unknown): string[] {
  return brokenValues(schema, good, none).map(({ path, how }) => `${path} ${how}`.trim());
}

test('every limit of a text and of a number is passed by one', () => {
  expect(broken({ type: 'string', minLength: 1, maxLength: 2 }, 'x')).toEqual([
    'a number',
    'an object',
    'too short',
    'too long',
  ]);
  expect(broken({ type: 'integer', minimum: 1, maximum: 2 }, 1)).toEqual([
    'a text',
    'a fraction',
    'too small',
    'too large',
  ]);
});

test('lists and maps have too much or too little of what is good', () => {
  const item = { type: 'boolean' } as const;
  const list = { type: 'array', items: item, minItems: 2, maxItems: 3 } as const;
  const lengths = brokenValues(list, [], none)
    .filter(({ how }) => how.startsWith('too '))
    .map(({ how, value }) => [how, (value as boolean[]).map((each) => typeof each)]);
  expect(lengths).toEqual([
    ['too few', ['boolean']],
    ['too many', ['boolean', 'boolean', 'boolean', 'boolean']],
  ]);
  const map = { type: 'object', additionalProperties: item, maxProperties: 1 } as const;
  const sizes = brokenValues(map, {}, none)
    .filter(({ how }) => how === 'too many')
    .map(({ value }) => Object.values(value as object).map((each) => typeof each));
  expect(sizes).toEqual([['boolean', 'boolean']]);
});

test('one field is broken at a time, and the rest stays', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'boolean' }, b: { type: 'string' } },
    required: ['a'],
  } as const;
  const inside = brokenValues(schema, { a: true, b: 'x' }, none).filter(({ path }) => path !== '');
  expect(inside).toEqual([
    { path: '.a', how: 'missing', value: { b: 'x' } },
    { path: '.a', how: 'a text', value: { a: 'maybe', b: 'x' } },
    { path: '.b', how: 'a number', value: { a: true, b: 7 } },
    { path: '.b', how: 'an object', value: { a: true, b: {} } },
  ]);
});
