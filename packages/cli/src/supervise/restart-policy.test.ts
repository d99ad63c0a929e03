import { expect, test } from 'vitest';
import { RestartPolicy } from './restart-policy.ts';

test('a service that never served is given up after its third death', () => {
  const policy = new RestartPolicy();
  expect(policy.died(0).kind).toBe('restart');
  expect(policy.died(10).kind).toBe('restart');
  expect(policy.died(20)).toEqual({ kind: 'give-up', deaths: 3 });
});

test('a service that served is given up after ten deaths within a minute', () => {
  const policy = new RestartPolicy();
  policy.served();
  for (let death = 1; death < 10; death++) expect(policy.died(death * 1000).kind).toBe('restart');
  expect(policy.died(10_000).kind).toBe('give-up');
});

test('deaths that are more than a minute apart are forgotten', () => {
  const policy = new RestartPolicy();
  policy.served();
  for (let death = 0; death < 30; death++) {
    const verdict = policy.died(death * 61_000);
    expect(verdict.kind === 'restart' && verdict.afterMs <= 100).toBe(true);
  }
});
