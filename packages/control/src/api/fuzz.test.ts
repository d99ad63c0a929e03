import { keepAnswerCounts, SeededRandom } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import {
  describe,
  fuzzedOperations,
  invalidRequests,
  send,
  validRequests,
} from '../testing/fuzzed-requests.ts';
import type { Fuzz, FuzzedRequest } from '../testing/fuzzed-requests.ts';
import { FuzzedTenant } from '../testing/fuzzed-tenant.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

/*
 * Requests that are made from the published schemas. What the contract allows may be refused for
 * the state that things are in, but must not make the server fail; what it does not allow must be
 * refused.
 */

const SEED = 424_242;

let postgres: TestPostgres;
let control: TestControl;
const counts = { 'fuzzed valid requests': 0, 'fuzzed invalid requests': 0 };
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres, { patienceMs: 20 });
});
afterAll(async () => {
  keepAnswerCounts(inject('answerCounts'), counts);
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const succeeded = new Set<string>();

test.each(fuzzedOperations.map((operation) => [operation.ours.operationId, operation] as const))(
  '%s takes or refuses what is valid, and refuses what is not',
  async (operationId, operation) => {
    const random = new SeededRandom(SEED + operationId.length * 31 + operationId.charCodeAt(0));
    const tenant = await FuzzedTenant.open(control, operationId);
    const fuzz: Fuzz = { ...operation, random, tenant };
    const problems: string[] = [];
    // Those that must be refused come first: they leave things as they are.
    for (const request of invalidRequests(fuzz)) {
      problems.push(...(await tryInvalid(fuzz, request)));
    }
    for (const request of validRequests(fuzz)) problems.push(...(await tryValid(fuzz, request)));
    expect(problems).toEqual([]);
  },
);

test('of every operation a valid request succeeded', () => {
  const failed = fuzzedOperations
    .map(({ ours }) => ours.operationId)
    .filter((id) => !succeeded.has(id));
  expect(failed).toEqual([]);
});

async function tryValid(fuzz: Fuzz, request: FuzzedRequest): Promise<string[]> {
  counts['fuzzed valid requests'] += 1;
  const { status, text, problems } = await send(fuzz, request);
  if (status < 300) succeeded.add(fuzz.ours.operationId);
  return status < 500 ? problems : [...problems, describe(request, status, text)];
}

async function tryInvalid(fuzz: Fuzz, request: FuzzedRequest): Promise<string[]> {
  counts['fuzzed invalid requests'] += 1;
  const { status, text, problems } = await send(fuzz, request);
  const isRefused = status >= 400 && status < 500;
  return isRefused ? problems : [...problems, describe(request, status, text)];
}
