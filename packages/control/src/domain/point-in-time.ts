import { lsnPattern } from '@pgfleet/contract';
import type { PointInTime } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';

/** How a request names a point of history: one of them, or none for the head. */
export interface RequestedPoint {
  readonly lsn?: string | undefined;
  readonly timestamp?: string | undefined;
}

/**
 * Reads which state of a branch a request means.
 *
 * `prefix` goes before the names of the fields in messages, for example `base_`.
 *
 * @throws PgfleetError `invalid_request` for both at once and for what is no LSN and no time.
 */
export function pointInTime({ lsn, timestamp }: RequestedPoint, prefix = ''): PointInTime {
  if (lsn !== undefined && timestamp !== undefined) {
    throw invalidPoint(`${prefix}lsn and ${prefix}timestamp cannot be given both`);
  }
  if (lsn !== undefined) return { kind: 'lsn', lsn: requireLsn(lsn, `${prefix}lsn`) };
  if (timestamp === undefined) return { kind: 'head' };
  return { kind: 'time', at: requireInstant(timestamp, `${prefix}timestamp`) };
}

const instant =
  /^(\d{4}-\d{2}-\d{2})[Tt ]((?:[01]\d|2[0-3]):\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:?\d{2})$/;

/**
 * Reads an RFC 3339 time and writes it in UTC with microseconds, which is what Postgres keeps of
 * it; `Date` would drop half of them.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function requireInstant(text: string, field: string): string {
  const [, day, time, fraction = '', zone = ''] = instant.exec(text) ?? [];
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  const date = new Date(`${day}T${time}${offset}`);
  const utc = Number.isNaN(date.getTime()) || !isCalendarDay(day) ? '' : date.toISOString();
  // In UTC it may be a year of another length.
  if (utc.length !== '2026-01-31T20:09:48.000Z'.length) {
    throw invalidPoint(`${field} is not a time like 2026-01-31T20:09:48Z`);
  }
  return `${utc.slice(0, 19)}.${fraction.padEnd(6, '0').slice(0, 6)}Z`;
}

// `Date` takes the 31st of February for the 3rd of March.
function isCalendarDay(day = ''): boolean {
  return new Date(day).toISOString().startsWith(day);
}

function requireLsn(text: string, field: string): string {
  if (new RegExp(lsnPattern).test(text)) return text;
  throw invalidPoint(`${field} is not an LSN like 0/1DE2850`);
}

function invalidPoint(problem: string): PgfleetError {
  return new PgfleetError('invalid_request', { message: `invalid request: ${problem}` });
}
