import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl, withKey } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';
import type { RateLimits } from './rate-limiter.ts';
import { TokenBuckets } from './token-buckets.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const none: RateLimits = {
  perMinute: 0,
  routePerSecond: 0,
  consumptionPerMinute: 0,
  organizationKeysPerSecond: 0,
};

async function statusesOf(
  control: TestControl,
  calls: readonly (readonly ['GET' | 'POST', string])[],
  key: string,
): Promise<number[]> {
  const statuses = [];
  for (const [method, path] of calls) {
    const payload = method === 'POST' ? { payload: { key_name: 'a' } } : {};
    const { status } = await control.call(method, path, { ...withKey(key), ...payload });
    statuses.push(status);
  }
  return statuses;
}

test('who asks too often is told for how long to wait, all keys of a user together', async () => {
  await using control = await TestControl.open(postgres, {
    works: false,
    rateLimits: { ...none, perMinute: 3 },
  });
  const { key } = await control.createAccount();
  const { body } = await control.call<{ key: string }>('POST', '/api_keys', {
    ...withKey(key),
    payload: { key_name: 'second' },
  });
  expect(await statusesOf(control, [['GET', '/projects']], key)).toEqual([200]);
  expect(await statusesOf(control, [['GET', '/users/me']], body.key)).toEqual([200]);
  const refused = await control.call('GET', '/projects', withKey(key));
  expect(refused.status).toBe(429);
  expect(refused.body).toEqual({ code: '', message: 'rate limit exceeded, try again later' });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(20);
  const other = await control.createAccount();
  expect(await statusesOf(control, [['GET', '/projects']], other.key)).toEqual([200]);
});

test('a route, consumption and the making of keys have limits of their own, operators none', async () => {
  await using control = await TestControl.open(postgres, {
    works: false,
    rateLimits: {
      ...none,
      routePerSecond: 2,
      consumptionPerMinute: 1,
      organizationKeysPerSecond: 1,
    },
  });
  const { key, organizationId } = await control.createAccount();
  const projects = ['GET', '/projects'] as const;
  const consumption = ['GET', '/consumption_history/projects'] as const;
  const newer = ['GET', '/consumption_history/v2/projects'] as const;
  const makeKey = ['POST', `/organizations/${organizationId}/api_keys`] as const;
  const hasRefused = async (calls: Parameters<typeof statusesOf>[1], by = key) =>
    (await statusesOf(control, calls, by)).includes(429);
  expect(await hasRefused([projects, projects, ['GET', '/users/me']])).toBe(false);
  expect(await hasRefused(Array.from({ length: 50 }, () => projects))).toBe(true);
  expect(await statusesOf(control, [consumption, newer], key)).toEqual([400, 429]);
  expect(await hasRefused(Array.from({ length: 20 }, () => makeKey))).toBe(true);
  expect(
    await hasRefused(
      Array.from({ length: 50 }, () => projects),
      control.adminKey,
    ),
  ).toBe(false);
});

test('what was refused for its rate is not in the audit log', async () => {
  await using control = await TestControl.open(postgres, {
    works: false,
    rateLimits: { ...none, perMinute: 1 },
  });
  const { key } = await control.createAccount();
  const calls = [1, 2, 3].map(() => ['POST', '/api_keys'] as const);
  expect(await statusesOf(control, calls, key)).toEqual([200, 429, 429]);
  const rows = await control.db.selectFrom('audit_log').select('status').execute();
  expect(rows).toEqual([{ status: 200 }]);
});

test('a bucket fills with time, up to what it holds', () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ now: () => nowMs });
  const take = () => buckets.take([{ key: 'a', burst: 2, perSecond: 4 }]);
  expect([take(), take(), take()]).toEqual([0, 0, 250]);
  nowMs += 200;
  expect(take()).toBeCloseTo(50);
  nowMs += 50;
  expect(take()).toBe(0);
  nowMs += 60_000;
  expect([take(), take(), take()]).toEqual([0, 0, 250]);
});

test('a token is taken out of all buckets or of none', () => {
  const buckets = new TokenBuckets({ now: () => 0 });
  const wide = { key: 'wide', burst: 2, perSecond: 1 };
  const narrow = { key: 'narrow', burst: 1, perSecond: 2 };
  expect(buckets.take([wide, narrow])).toBe(0);
  expect(buckets.take([wide, narrow])).toBe(500);
  expect(buckets.take([wide])).toBe(0);
  expect(buckets.take([wide])).toBe(1_000);
});

test('however many ask, only so many buckets are kept', () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ now: () => nowMs, maxBuckets: 2 });
  const take = (key: string) => buckets.take([{ key, burst: 1, perSecond: 1 }]);
  expect([take('a'), take('b'), take('c')]).toEqual([0, 0, 0]);
  // The oldest one was forgotten.
  expect([take('b'), take('c'), take('a')]).toEqual([1_000, 1_000, 0]);
  nowMs += 5_000;
  expect([take('b'), take('c'), take('a')]).toEqual([0, 0, 0]);
});
