import { expect, test } from 'vitest';
import { AnswerJudge } from './answer-judge.ts';
import { publishedContract } from './published-contract.ts';

const region = { region_id: 'a', name: 'b', default: true, geo_lat: '1', geo_long: '2' };

const judge = new AnswerJudge(publishedContract());

const problems = (body: unknown, change: object = {}) =>
  judge.judge({
    method: 'GET',
    path: '/regions',
    status: 200,
    contentType: 'application/json; charset=utf-8',
    text: JSON.stringify(body),
    ...change,
  }).problems;

test('an answer as the contract has it is good', () => {
  expect(problems({ regions: [region] })).toEqual([]);
});

test('a field that nobody declared is found however deep it lies', () => {
  const more = { ...region, population: 1 };
  expect(problems({ regions: [more] })).toEqual(['/regions/0/population is not in the contract']);
});

test('a field that is missing or of another type is found', () => {
  expect(problems({ regions: [{ ...region, name: 7 }] })).toEqual([
    '/regions/0/name must be string',
  ]);
  expect(problems({})).toEqual(["the body must have required property 'regions'"]);
});

test('a status that is not declared is found, unless it says that there was an error', () => {
  expect(problems({ regions: [] }, { status: 202 })).toEqual(['status 202 is not in the contract']);
  expect(problems({ code: '', message: 'no' }, { status: 404 })).toEqual([]);
  expect(problems({ regions: [] }, { status: 404 })).not.toEqual([]);
});

test('a body that is no JSON, or under another name, is found', () => {
  expect(problems({}, { text: '{' })).not.toEqual([]);
  expect(problems({ regions: [] }, { contentType: 'text/html' })).not.toEqual([]);
});

test('composed answers may have the fields of all parts and no others', () => {
  const more = { path: '/projects/shared', method: 'GET' };
  expect(problems({ projects: [], pagination: { cursor: 'x' } }, more)).toEqual([]);
  expect(problems({ projects: [], pagination: { cursor: 'x', next: 'y' } }, more)).toEqual([
    '/pagination/next is not in the contract',
  ]);
  expect(problems({ projects: [], extra: 1 }, more)).toEqual(['/extra is not in the contract']);
});

test('formats are checked', () => {
  const key = { id: 1, key: 'k', name: 'n', created_by: '6e7b1f4e-4a3f-4f0e-9c55-0d6a1f0b0a11' };
  const more = { path: '/api_keys', method: 'POST' };
  expect(problems({ ...key, created_at: '2026-01-01T00:00:00Z' }, more)).toEqual([]);
  expect(problems({ ...key, created_at: 'yesterday' }, more)).toEqual([
    '/created_at must match format "date-time"',
  ]);
  expect(problems({ ...key, id: 1.5, created_at: '2026-01-01T00:00:00Z' }, more)).not.toEqual([]);
});

test('an address that the contract does not have is judged by the shape of errors alone', () => {
  const elsewhere = { path: '/somewhere/else' };
  expect(problems({ anything: 1 }, elsewhere)).toEqual([]);
  expect(problems({ anything: 1 }, { ...elsewhere, status: 404 })).not.toEqual([]);
});

test('there is a verdict about every answer of the contract', () => {
  const { operations } = publishedContract();
  for (const { operationId, method, path, answers } of operations) {
    for (const status of Object.keys(answers)) {
      const answer = { method, path, status: Number(status) || 500, text: 'no JSON' };
      const verdict = judge.judge({ ...answer, contentType: 'application/json' });
      expect(verdict).toMatchObject({ operationId, problems: expect.any(Array) as string[] });
      expect(verdict.problems).not.toEqual([]);
    }
  }
});
