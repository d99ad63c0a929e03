/**
 * Names and places of WAL segments, as src/include/access/xlog_internal.h of Postgres has them
 * (`XLogFileName`, `XLByteToSeg`): 24 digits that are the timeline number, the high half of the
 * place, and the segment's number within that half.
 *
 * A place in the WAL (LSN) is a bigint here and `0/1A2B3C4D` in text.
 */

/** What `initdb` makes of every cluster of pgfleet. */
export const WAL_SEGMENT_BYTES = 16 * 1024 * 1024;

const lsnPattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;
const namePattern = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/;
const HALF_BYTES = 1n << 32n;

export interface WalSegment {
  readonly name: string;
  /** Postgres' timeline number, which is not pgfleet's timeline id. */
  readonly timelineNumber: number;
  /** The place of its first byte. */
  readonly start: bigint;
  /** The place after its last byte. */
  readonly end: bigint;
}

/** Reads an LSN. @throws Error when the text is none. */
export function parseLsn(text: string): bigint {
  const [, high, low] = lsnPattern.exec(text) ?? [];
  if (high === undefined) throw new Error(`${JSON.stringify(text.slice(0, 40))} is no LSN`);
  return BigInt(`0x${high}`) * HALF_BYTES + BigInt(`0x${low}`);
}

/** Writes an LSN as Postgres does. */
export function formatLsn(lsn: bigint): string {
  const digits = (half: bigint) => half.toString(16).toUpperCase();
  return `${digits(lsn / HALF_BYTES)}/${digits(lsn % HALF_BYTES)}`;
}

/** The segment of a timeline number that contains a place. */
export function segmentAt(
  timelineNumber: number,
  lsn: bigint,
  segmentBytes = WAL_SEGMENT_BYTES,
): WalSegment {
  const bytes = BigInt(segmentBytes);
  const start = lsn - (lsn % bytes);
  const parts = [BigInt(timelineNumber), start / HALF_BYTES, (start % HALF_BYTES) / bytes];
  const name = parts.map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');
  return { name, timelineNumber, start, end: start + bytes };
}

/** Reads a segment's file name; `undefined` when it is none, for example of a `.history` file. */
export function parseSegmentName(
  name: string,
  segmentBytes = WAL_SEGMENT_BYTES,
): WalSegment | undefined {
  const [, timelineNumber, high, low] = namePattern.exec(name) ?? [];
  if (timelineNumber === undefined) return undefined;
  const bytes = BigInt(segmentBytes);
  const offset = BigInt(`0x${low}`) * bytes;
  if (offset >= HALF_BYTES || BigInt(`0x${timelineNumber}`) === 0n) return undefined;
  const start = BigInt(`0x${high}`) * HALF_BYTES + offset;
  return { name, timelineNumber: Number(`0x${timelineNumber}`), start, end: start + bytes };
}

/** The segment that follows one of the same timeline number. */
export function nextSegment({ timelineNumber, start, end }: WalSegment): WalSegment {
  return segmentAt(timelineNumber, end, Number(end - start));
}

/** Orders segments by place, those of one place by timeline number. */
export function compareSegments(a: WalSegment, b: WalSegment): number {
  if (a.start === b.start) return a.timelineNumber - b.timelineNumber;
  return a.start < b.start ? -1 : 1;
}
