import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { maskingFunctions, plainFunctions } from './masking-functions.ts';
import type { MaskingRule } from './masking-rule.ts';
import { parseMasking, parseMaskingFunction, parseMaskingValue } from './parse-masking.ts';

const text = (value: string) => ({ kind: 'literal', type: 'text', value });
const number = (value: string) => ({ kind: 'literal', type: 'number', value });
const column = (name: string) => ({ kind: 'column', name });

function parse(sql: string) {
  const parsed = parseMaskingFunction(sql, 'users');
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.expression;
}

function problem(sql: string): string {
  const parsed = parseMaskingFunction(sql, 'users');
  return 'problem' in parsed ? parsed.problem : `understood: ${JSON.stringify(parsed.expression)}`;
}

test('a call is taken apart into its function, literals and columns', () => {
  expect(parse("anon.partial(phone, 2, 'it''s', -2)")).toEqual({
    kind: 'call',
    schema: 'anon',
    name: 'partial',
    args: [column('phone'), number('2'), text("it's"), number('-2')].map((value) => ({ value })),
  });
  expect(parse(' ANON.Pseudo_Email( "First Name" , \'salt\' ) ')).toMatchObject({
    name: 'pseudo_email',
    args: [{ value: column('First Name') }, { value: text('salt') }],
  });
  expect(parse('anon.hash(users.Email)')).toMatchObject({ args: [{ value: column('email') }] });
  expect(parse('anon.hash(NULL)')).toMatchObject({
    args: [{ value: { kind: 'literal', type: 'null' } }],
  });
});

test('calls are nested, arguments cast, and parameters named', () => {
  expect(parse("pg_catalog.concat(anon.dummy_uuidv4(), '@example.com')")).toMatchObject({
    schema: 'pg_catalog',
    name: 'concat',
    args: [
      { value: { kind: 'call', name: 'dummy_uuidv4', args: [] } },
      { value: text('@example.com') },
    ],
  });
  expect(parse("anon.dnoise(born, '2 days'::interval)")).toMatchObject({
    args: [{}, { value: { kind: 'cast', type: 'interval', operand: text('2 days') } }],
  });
  expect(parse('anon.noise(pay::double precision, 0.33)')).toMatchObject({
    args: [{ value: { kind: 'cast', type: 'float8' } }, { value: number('0.33') }],
  });
  for (const sql of ['anon.lorem_ipsum(words := 20)', 'anon.lorem_ipsum(words => 20)']) {
    expect(parse(sql)).toMatchObject({ args: [{ parameter: 'words', value: number('20') }] });
  }
});

test.each([
  ['', 'must be a call'],
  ['fake_email()', 'misses a "."'],
  ['anon.fake_email', 'misses a "("'],
  ['anon.fake_email(', 'must be a call'],
  ['anon.fake_email())', 'one call and nothing else'],
  ['anon.fake_email(); DROP TABLE users', 'must be a call'],
  ['anon.fake_email() -- ', 'must be a call'],
  ['anon.fake_email() /* */', 'must be a call'],
  ["anon.hash(email || 'x')", 'must be a call'],
  ['anon.hash((SELECT 1))', 'must be a call'],
  ["anon.hash(E'\\'')", 'must be a call'],
  ["anon.hash('it's')", 'must be a call'],
  ["anon.hash('a' 'b')", 'misses a ","'],
  ['anon.hash($$x$$)', 'must be a call'],
  ['anon.hash(others.email)', 'only columns of the same table'],
  ['anon.hash(email::regclass)', 'a cast to regclass is not possible'],
  ['anon.hash(1e9)', 'must be a call'],
  ['anon.hash()', 'anon.hash takes (value)'],
  ['anon.hash(a, b)', 'anon.hash takes (value)'],
  ['anon.hash(a,)', 'must be a call'],
  ['anon.random_int_between(low := 1, 2)', 'no parameter low'],
  ['anon.nope()', 'there is no masking function anon.nope; there are anon.fake_address,'],
  ['anon.constructor()', 'there is no masking function anon.constructor'],
  ['anon."pick"(a)', 'there is no masking function anon.pick'],
  ['pg_catalog.pg_read_file(a)', 'there is no masking function pg_catalog.pg_read_file'],
  ['public.mine(email)', 'there is no masking function public.mine'],
  [`${'pg_catalog.upper('.repeat(9)}email${')'.repeat(9)}`, 'nested too deeply'],
])('%s is refused', (sql, expected) => {
  expect(problem(sql)).toContain(expected);
});

test('a value is a literal of SQL, or a text as it stands', () => {
  expect(parseMaskingValue("'CONFIDENTIAL'")).toEqual(text('CONFIDENTIAL'));
  expect(parseMaskingValue('CONFIDENTIAL')).toEqual(text('CONFIDENTIAL'));
  expect(parseMaskingValue("it's; DROP TABLE users")).toEqual(text("it's; DROP TABLE users"));
  expect(parseMaskingValue('-1.5')).toEqual(number('-1.5'));
  expect(parseMaskingValue('NULL')).toEqual({ kind: 'literal', type: 'null' });
  expect(parseMaskingValue('true')).toEqual({ kind: 'literal', type: 'boolean', value: true });
  expect(parseMaskingValue('')).toEqual(text(''));
});

test('a rule has a function or a value', () => {
  const rule: MaskingRule = {
    database_name: 'neondb',
    schema_name: 'public',
    table_name: 'users',
    column_name: 'email',
  };
  const call = { masking_function: 'anon.fake_email()' };
  expect(parseMasking(rule)).toHaveProperty('problem');
  expect(parseMasking({ ...rule, ...call, masking_value: 'x' })).toHaveProperty('problem');
  expect(parseMasking({ ...rule, ...call })).toHaveProperty('expression');
  expect(parseMasking({ ...rule, masking_value: 'x' })).toEqual({ expression: text('x') });
});

test('docs/anonymized-branches.md names all functions that there are, and no other', () => {
  const path = new URL('../../../../docs/anonymized-branches.md', import.meta.url);
  const named = readFileSync(path, 'utf8').matchAll(/`((?:anon|pg_catalog)\.\w+)\(/g);
  const known = [
    ...Object.keys(maskingFunctions).map((name) => `anon.${name}`),
    ...Object.keys(plainFunctions).map((name) => `pg_catalog.${name}`),
  ];
  const all = new Set([...named].map(([, name]) => name ?? ''));
  expect([...all].toSorted()).toEqual(known.toSorted());
});
