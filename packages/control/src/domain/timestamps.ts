/**
 * RFC 3339 in UTC with whole seconds, as the contract writes times. A page of a list has thousands of
 * them, so it is put together here instead of cut out of what `toISOString` makes.
 */
export function timestamp(date: Date): string {
  const year = date.getUTCFullYear();
  // Others have more digits or fewer, or are no times at all.
  if (!(year >= 1000 && year <= 9999)) return `${date.toISOString().slice(0, 19)}Z`;
  const month = twoDigits[date.getUTCMonth() + 1];
  const day = twoDigits[date.getUTCDate()];
  const hours = twoDigits[date.getUTCHours()];
  const minutes = twoDigits[date.getUTCMinutes()];
  const seconds = twoDigits[date.getUTCSeconds()];
  return `${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`;
}

/** The same of a time that may not be there: undefined, which JSON leaves out. */
export function optionalTimestamp(date: Date | null): string | undefined {
  return date ? timestamp(date) : undefined;
}

const twoDigits = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

/** The contract's "no time": what Go prints for an unset one. */
export const noTimestamp = '0001-01-01T00:00:00Z';

/** The calendar month in UTC that a moment lies in: consumption is counted by months. */
export function consumptionPeriod(now: Date): { readonly start: Date; readonly end: Date } {
  const month = (offset: number) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1));
  return { start: month(0), end: month(1) };
}

/**
 * Whether a text in the form of a time in UTC is one that Postgres knows: neither a thirty-first of
 * February, which JavaScript takes for the second of March, nor the year 0.
 */
export function isCalendarTime(text: string): boolean {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()) || text.startsWith('0000')) return false;
  return time.toISOString().slice(0, 19) === text.slice(0, 19);
}
