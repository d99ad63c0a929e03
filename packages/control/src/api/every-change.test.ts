import { isDeepStrictEqual } from 'node:util';
import { SeededRandom } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fuzzedOperations, send, validRequests } from '../testing/fuzzed-requests.ts';
import type { Fuzz, FuzzedRequest } from '../testing/fuzzed-requests.ts';
import { FuzzedTenant } from '../testing/fuzzed-tenant.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';
import { unimplementedOperations } from './unimplemented-operations.ts';

/* What holds for every operation that changes something, whichever there are. */

let postgres: TestPostgres;
let control: TestControl;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres, { patienceMs: 20 });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const changes = fuzzedOperations.filter(({ ours }) => ours.method !== 'GET');
const named = changes.map((change) => [change.ours.operationId, change] as const);

test('the changes looked at are those that the router knows', () => {
  const missing = unimplementedOperations.map(({ method, path }) => `${method} ${path}`);
  const routed = control.routes.flatMap(({ method, url }) =>
    [method].flat().map((each) => `${each} ${pathOf(url)}`),
  );
  const known = changes.map(({ ours }) => `${ours.method} ${ours.path}`);
  const isChange = (route: string) => !/^(GET|HEAD|OPTIONS) /.test(route);
  expect(known.toSorted()).toEqual(
    routed.filter((route) => isChange(route) && !missing.includes(route)).toSorted(),
  );
});

test.each(named)('%s is done once for an Idempotency-Key', async (operationId, change) => {
  const fuzz = await open(operationId, change);
  const { request, key, answer } = await firstSuccess(fuzz);
  const before = await auditedChanges();
  const again = await send(fuzz, request, { 'idempotency-key': key });
  expect([again.status, again.body]).toEqual([answer.status, answer.body]);
  expect(await auditedChanges()).toEqual(before);
  const elsewhere = { ...request, path: `${request.path}${separator(request.path)}again=1` };
  const reused = await send(fuzz, elsewhere, { 'idempotency-key': key });
  expect(reused.status).toBe(422);
  for (const other of otherBodies(fuzz, request)) {
    const { status, body } = await send(fuzz, other, { 'idempotency-key': key });
    // What differs only in fields that nobody knows is the same request.
    const isSame = isDeepStrictEqual([status, body], [answer.status, answer.body]);
    expect(isSame || status >= 400).toBe(true);
  }
  const stranger = await FuzzedTenant.open(control);
  const theirs = await send({ ...fuzz, tenant: stranger }, request, { 'idempotency-key': key });
  expect(theirs.status >= 400 || !isDeepStrictEqual(theirs.body, answer.body)).toBe(true);
});

const readable = named.filter(
  ([, { ours }]) =>
    ours.method !== 'POST' &&
    fuzzedOperations.some((each) => each.ours.method === 'GET' && each.ours.path === ours.path),
);

test.each(readable)(
  '%s is refused when If-Match names another state',
  async (operationId, change) => {
    const fuzz = await open(operationId, change);
    for (const request of validRequests(fuzz)) {
      const refused = await send(fuzz, request, { 'if-match': '"of-another-state"' });
      if (refused.status === 204) continue;
      expect(refused.status).toBeGreaterThanOrEqual(400);
      const { status } = await send(fuzz, request, { 'if-match': '*' });
      if (status >= 300) continue;
      expect(refused.status).toBe(412);
      return;
    }
    throw new Error('no request succeeded');
  },
);

async function open(
  operationId: string,
  change: Pick<Fuzz, 'ours' | 'asked' | 'contract'>,
): Promise<Fuzz> {
  const tenant = await FuzzedTenant.open(control, operationId);
  return { ...change, tenant, random: new SeededRandom(4711) };
}

async function firstSuccess(fuzz: Fuzz) {
  let index = 0;
  for (const request of validRequests(fuzz)) {
    const key = `key-${(index += 1)}-${fuzz.ours.operationId}-${fuzz.tenant.account.userId}`;
    const answer = await send(fuzz, request, { 'idempotency-key': key });
    if (answer.status < 300) return { request, key, answer };
  }
  throw new Error('no request succeeded');
}

function otherBodies(fuzz: Fuzz, { path, body }: FuzzedRequest): FuzzedRequest[] {
  const text = JSON.stringify(body);
  return [...validRequests(fuzz)]
    .filter((other) => JSON.stringify(other.body) !== text)
    .map((other) => ({ ...other, path }));
}

async function auditedChanges(): Promise<number> {
  const { count } = await control.db
    .selectFrom('audit_log')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('status', '<', 300)
    .executeTakeFirstOrThrow();
  return count;
}

function pathOf(url: string): string {
  return url.replace(/^\/api\/v2/, '').replaceAll(/:(\w+)/g, '{$1}');
}

function separator(path: string): string {
  return path.includes('?') ? '&' : '?';
}
