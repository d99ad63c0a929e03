/**
 * The point in time at which a client wants to see a branch: a word of the `options` parameter,
 * `neon_timestamp:<time>` or `neon_lsn:<LSN>`, as `neon connection-string <branch>@<point>` prints.
 */
import type { PointInTime } from '@pgfleet/contract';
import { splitStartupOptions } from '@pgfleet/pgwire';
import { refusals } from './refusal.ts';

type PointOption = { readonly at?: PointInTime; readonly rest: readonly string[] };

const pointWord = /^(neon_lsn|neon_timestamp):(.*)$/s;
/** What a blank may have cut off from a timestamp: its time, its zone, or both. */
const timestampWord = /^(?:\d{2}:[\d:.]+\S*|[+-]?\d{2}(?::?\d{2})?|z|utc|gmt)$/i;
const lsnForm = /^([\da-f]{1,8})\/([\da-f]{1,8})$/i;

/**
 * RFC 3339, with a blank in place of the T, without zone (UTC) or without seconds as well. In a
 * URL a plus stands for a blank to some drivers and for itself to others: so it may stand between
 * date and time, and a blank may stand in front of a zone.
 */
const timestampForm =
  /^(\d{4}-\d\d-\d\d)[t+ ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?: ?(?:z|utc|gmt)|( ?[+-]| )(\d\d):?(\d\d)?)?$/i;

/**
 * The point that `options` name; `undefined` for the present.
 * Throws a Refusal for one that cannot be read.
 */
export function requestedPoint(options: string): PointInTime | undefined {
  return takePoint(splitStartupOptions(options)).at;
}

/** The words of `options` without those of the point; throws like {@link requestedPoint}. */
export function withoutPoint(words: readonly string[]): readonly string[] {
  return takePoint(words).rest;
}

function takePoint(words: readonly string[]): PointOption {
  const first = words.findIndex((word) => pointWord.test(word));
  const [, name, value = ''] = pointWord.exec(words[first] ?? '') ?? [];
  if (name === undefined) return { rest: words };
  const behind = words.slice(first + 1);
  const length = name === 'neon_timestamp' ? countTimestampWords(behind) : 0;
  const rest = [...words.slice(0, first), ...behind.slice(length)];
  if (rest.some((word) => pointWord.test(word))) throw refusals.severalPoints();
  const text = [value, ...behind.slice(0, length)].join(' ');
  return { at: name === 'neon_lsn' ? parseLsn(text) : parseTimestamp(text), rest };
}

function countTimestampWords(words: readonly string[]): number {
  const end = words.findIndex((word) => !timestampWord.test(word));
  return end === -1 ? words.length : end;
}

function parseLsn(text: string): PointInTime {
  const [, high, low] = lsnForm.exec(text) ?? [];
  if (high === undefined || low === undefined) throw refusals.invalidLsn();
  return { kind: 'lsn', lsn: `${plainHex(high)}/${plainHex(low)}` };
}

function plainHex(text: string): string {
  return Number.parseInt(text, 16).toString(16).toUpperCase();
}

/** Every way to write one moment ends in the same words, so that it is shown by one compute. */
function parseTimestamp(text: string): PointInTime {
  const [, date, time, seconds = '00', fraction = '', sign, hours = '00', minutes = '00'] =
    timestampForm.exec(text) ?? [];
  const written = `${date}T${time}:${seconds}.000Z`;
  const localMs = Date.parse(written);
  // `Date` takes the 30th of February for the 1st of March.
  const isReal = Number.isFinite(localMs) && new Date(localMs).toISOString() === written;
  if (!isReal || Number(hours) > 15 || Number(minutes) > 59) throw refusals.invalidTimestamp();
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign?.endsWith('-') ? -1 : 1);
  const utc = new Date(localMs - offsetMs).toISOString().slice(0, -'.000Z'.length);
  if (!/^\d{4}-/.test(utc)) throw refusals.invalidTimestamp();
  const microseconds = fraction.slice(0, 6).padEnd(6, '0');
  return { kind: 'time', at: `${utc}.${microseconds}Z` };
}
