import type { BackupScheduleItem } from '@pgfleet/contract';
import { describe, expect, test } from 'vitest';
import {
  firedItems,
  longestKept,
  nextFiring,
  nextFiringOf,
  requireSchedule,
} from './backup-schedule.ts';

const at = (text: string) => new Date(`${text}Z`);

describe('an item fires at the first moment later than', () => {
  const cases: readonly (readonly [BackupScheduleItem, after: string, next: string])[] = [
    [{ frequency: 'hourly' }, '2026-03-04T05:06:07', '2026-03-04T06:00:00'],
    [{ frequency: 'hourly' }, '2026-03-04T05:00:00', '2026-03-04T06:00:00'],
    [{ frequency: 'hourly', hour: 3 }, '2026-12-31T23:59:59.999', '2027-01-01T00:00:00'],
    [{ frequency: 'daily', hour: 3 }, '2026-03-04T02:59:59', '2026-03-04T03:00:00'],
    [{ frequency: 'daily', hour: 3 }, '2026-03-04T03:00:00', '2026-03-05T03:00:00'],
    [{ frequency: 'daily' }, '2026-12-31T12:00:00', '2027-01-01T00:00:00'],
    [{ frequency: 'weekly', day: 1, hour: 2 }, '2026-03-04T00:00:00', '2026-03-09T02:00:00'],
    [{ frequency: 'weekly', day: 7, hour: 2 }, '2026-03-04T00:00:00', '2026-03-08T02:00:00'],
    [{ frequency: 'weekly', day: 7, hour: 2 }, '2026-03-08T01:59:59', '2026-03-08T02:00:00'],
    [{ frequency: 'weekly', day: 7, hour: 2 }, '2026-03-08T02:00:00', '2026-03-15T02:00:00'],
    [{ frequency: 'weekly' }, '2026-03-08T23:00:00', '2026-03-09T00:00:00'],
    [{ frequency: 'monthly', day: 15, hour: 4 }, '2026-03-15T03:00:00', '2026-03-15T04:00:00'],
    [{ frequency: 'monthly', day: 15, hour: 4 }, '2026-12-15T04:00:00', '2027-01-15T04:00:00'],
    [{ frequency: 'monthly', day: 31 }, '2026-01-31T00:00:00', '2026-02-28T00:00:00'],
    [{ frequency: 'monthly', day: 31 }, '2026-02-28T00:00:00', '2026-03-31T00:00:00'],
    [{ frequency: 'monthly', day: 31 }, '2028-02-01T00:00:00', '2028-02-29T00:00:00'],
    [{ frequency: 'monthly', day: 31 }, '2026-04-30T12:00:00', '2026-05-31T00:00:00'],
    [
      { frequency: 'yearly', month: 2, day: 30, hour: 5 },
      '2026-02-28T05:00:00',
      '2027-02-28T05:00:00',
    ],
    [{ frequency: 'yearly', month: 2, day: 29 }, '2027-12-01T00:00:00', '2028-02-29T00:00:00'],
    [{ frequency: 'yearly' }, '2026-01-01T00:00:00', '2027-01-01T00:00:00'],
  ];
  test.each(cases)('%o after %s', (item, after, next) => {
    expect(nextFiring(item, at(after))).toEqual(at(next));
  });
});

test('whenever one looks, the next firing is later than now and nothing is skipped', () => {
  const items: BackupScheduleItem[] = [
    { frequency: 'weekly', day: 3, hour: 23 },
    { frequency: 'monthly', day: 30, hour: 1 },
    { frequency: 'yearly', month: 2, day: 31 },
  ];
  for (const item of items) {
    let next = nextFiring(item, at('2026-01-01T00:00:00'));
    for (let hour = 0; hour < 3 * 365 * 24; hour += 1) {
      const now = new Date(at('2026-01-01T00:00:00').getTime() + hour * 3_600_000);
      if (now >= next) next = nextFiring(item, now);
      expect(nextFiring(item, now)).toEqual(next);
      expect(next.getTime()).toBeGreaterThan(now.getTime());
    }
  }
});

test('a schedule fires with its earliest item, an empty one never', () => {
  const schedule: BackupScheduleItem[] = [{ frequency: 'daily', hour: 9 }, { frequency: 'hourly' }];
  expect(nextFiringOf(schedule, at('2026-03-04T05:06:07'))).toEqual(at('2026-03-04T06:00:00'));
  expect(nextFiringOf([], at('2026-03-04T05:06:07'))).toBeNull();
});

test('after a long silence every item that was missed has fired once, and only those', () => {
  const hourly: BackupScheduleItem = { frequency: 'hourly', retention_seconds: 3_600 };
  const daily: BackupScheduleItem = { frequency: 'daily', hour: 3, retention_seconds: 86_400 };
  const monthly: BackupScheduleItem = { frequency: 'monthly', day: 20 };
  const silence = { due: at('2026-03-04T01:00:00'), now: at('2026-03-06T10:00:00') };
  const fired = firedItems([hourly, daily, monthly], silence);
  expect(fired).toEqual([hourly, daily]);
  expect(longestKept(fired)).toBe(daily);
  expect(longestKept([hourly, monthly, daily])).toBe(monthly);
});

test('a day of the week is one of seven', () => {
  expect(() => requireSchedule([{ frequency: 'monthly', day: 8 }])).not.toThrow();
  expect(() => requireSchedule([{ frequency: 'weekly', day: 8 }])).toThrow('schedule.0.day');
});
