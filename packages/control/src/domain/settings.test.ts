import { expect, test } from 'vitest';
import { changeComputeLimits, requireSuspendTimeout } from './compute-settings.ts';
import type { Installation } from './installation.ts';
import { requireDatabaseName, requireRoleName } from './postgres-names.ts';
import { changeProjectSettings, initialProjectSettings } from './project-settings.ts';

const installation = { minSuspendTimeoutSeconds: 60 } as Installation;
const current = { minCu: 0.25, maxCu: 0.25 };

test('a minimum above the current maximum raises the maximum', () => {
  const limits = changeComputeLimits(current, { autoscaling_limit_min_cu: 2 }, 'endpoint');
  expect(limits).toEqual({ minCu: 2, maxCu: 2 });
});

test('a maximum below the current minimum lowers the minimum', () => {
  const limits = changeComputeLimits({ minCu: 2, maxCu: 4 }, { autoscaling_limit_max_cu: 1 }, 'e');
  expect(limits).toEqual({ minCu: 1, maxCu: 1 });
});

test.each([
  { autoscaling_limit_min_cu: 0.3 },
  { autoscaling_limit_max_cu: 57 },
  { autoscaling_limit_min_cu: 2, autoscaling_limit_max_cu: 1 },
])('compute sizes that do not exist are refused: %o', (requested) => {
  expect(() => changeComputeLimits(current, requested, 'endpoint')).toThrow('invalid: endpoint.');
});

test('a suspend timeout is the default, never, or at least the minimum', () => {
  for (const seconds of [0, -1, 60, 604_800]) {
    expect(requireSuspendTimeout(seconds, 'endpoint', installation)).toBe(seconds);
  }
  expect(() => requireSuspendTimeout(59, 'endpoint', installation)).toThrow('at least 60');
});

test.each(['10.0.0.1', '10.0.0.0/8', '10.0.0.1-10.0.0.9', '2001:db8::/32', '::1'])(
  'the allow list takes %s',
  (ip) => {
    const settings = changeProjectSettings(initialProjectSettings, { allowed_ips: { ips: [ip] } });
    expect(settings.allowed_ips).toEqual({ ips: [ip], protected_branches_only: false });
  },
);

test.each([
  '',
  'example.com',
  '10.0.0.0/33',
  '10.0.0.9-10.0.0.1',
  '10.0.0.1-::1',
  '1.2.3.4/',
  '::ffff:10.0.0.1',
  '::1-::FFFF:10.0.0.1',
  'fe80::1%eth0',
])('the allow list refuses "%s"', (ip) => {
  const change = () =>
    changeProjectSettings(initialProjectSettings, { allowed_ips: { ips: [ip] } });
  expect(change).toThrow('is not an address range');
});

test('a quota is changed field by field', () => {
  const before = { ...initialProjectSettings, quota: { active_time_seconds: 10 } };
  const after = changeProjectSettings(before, { quota: { written_data_bytes: 5 } });
  expect(after.quota).toEqual({ active_time_seconds: 10, written_data_bytes: 5 });
});

test('names are counted in bytes, and the names of the platform are taken', () => {
  expect(requireRoleName('é'.repeat(31), 'role')).toHaveLength(31);
  expect(() => requireRoleName('é'.repeat(32), 'role')).toThrow('63 bytes');
  expect(() => requireRoleName('cloud_admin', 'role')).toThrow('reserved');
  expect(() => requireRoleName('pg_monitor', 'role')).toThrow('reserved');
  expect(() => requireDatabaseName('template1', 'database')).toThrow('reserved');
  for (const step of ['.', '..']) expect(() => requireRoleName(step, 'role')).toThrow('reserved');
});
