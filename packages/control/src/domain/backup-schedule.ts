import type { BackupFrequency, BackupScheduleItem } from '@pgfleet/contract';
import { invalidField } from './invalid-request.ts';

/*
 * When the items of a backup schedule fire. All arithmetic is in UTC: a schedule knows no place, so
 * it knows no summer time either.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The first moment later than `after` at which an item fires. */
export function nextFiring(item: BackupScheduleItem, after: Date): Date {
  const { hour = 0, day = 1, month = 1 } = item;
  const [first, second] = [0, 1].map((period) =>
    firingIn[item.frequency](after, { period, hour, day, month }),
  ) as [number, number];
  return new Date(first > after.getTime() ? first : second);
}

interface Moment {
  /** 0 is the hour, day, week, month or year that `after` lies in. */
  readonly period: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
}

/** When an item of each frequency fires in a period, in milliseconds. */
const firingIn: Readonly<Record<BackupFrequency, (after: Date, moment: Moment) => number>> = {
  hourly: (after, { period }) => (Math.floor(after.getTime() / HOUR_MS) + period) * HOUR_MS,
  daily: (after, { period, hour }) => dayOf(after) + period * DAY_MS + hour * HOUR_MS,
  weekly: (after, { period, day, hour }) =>
    mondayOf(after) + (period * 7 + day - 1) * DAY_MS + hour * HOUR_MS,
  monthly: (after, { period, day, hour }) =>
    dayOfMonth(after.getUTCFullYear(), after.getUTCMonth() + period, day) + hour * HOUR_MS,
  yearly: (after, { period, month, day, hour }) =>
    dayOfMonth(after.getUTCFullYear() + period, month - 1, day) + hour * HOUR_MS,
};

/** When the earliest item of a schedule fires after a moment; null for an empty schedule. */
export function nextFiringOf(schedule: readonly BackupScheduleItem[], after: Date): Date | null {
  const times = schedule.map((item) => nextFiring(item, after).getTime());
  return times.length === 0 ? null : new Date(Math.min(...times));
}

/**
 * The items of a schedule that have fired from `due`, when its earliest one did, until `now`. Each
 * is there once, however often it would have fired meanwhile.
 */
export function firedItems(
  schedule: readonly BackupScheduleItem[],
  { due, now }: { readonly due: Date; readonly now: Date },
): BackupScheduleItem[] {
  const before = new Date(due.getTime() - 1);
  return schedule.filter((item) => nextFiring(item, before) <= now);
}

/** Of items that fire together the one whose snapshot is kept longest: it serves for all of them. */
export function longestKept(items: readonly BackupScheduleItem[]): BackupScheduleItem | undefined {
  return items.toSorted((a, b) => retention(b) - retention(a))[0];
}

/**
 * Refuses what the fields of an item do not say together.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function requireSchedule(schedule: readonly BackupScheduleItem[]): void {
  for (const [index, { frequency, day = 1 }] of schedule.entries()) {
    if (frequency !== 'weekly' || day <= 7) continue;
    throw invalidField(`schedule.${index}.day`, 'a day of the week is 1 (Monday) to 7');
  }
}

function retention({ retention_seconds: seconds }: BackupScheduleItem): number {
  return seconds ?? Number.POSITIVE_INFINITY;
}

function dayOf(date: Date): number {
  return Math.floor(date.getTime() / DAY_MS) * DAY_MS;
}

function mondayOf(date: Date): number {
  return dayOf(date) - ((date.getUTCDay() + 6) % 7) * DAY_MS;
}

// Day 0 of the next month is the last one of this month.
function dayOfMonth(year: number, month: number, day: number): number {
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(day, last));
}
