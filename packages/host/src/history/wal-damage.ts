import { IS_LONG_HEADER, LONG_HEADER_BYTES, PAGE_BYTES } from './wal-page.ts';
import type { WalSegment } from './wal-segment.ts';

/*
 * What tells a WAL segment from a torn, zeroed or foreign one without reading it: the header of its
 * first page, see wal-page.ts.
 *
 * What is wrong behind that is left to Postgres: it checks every page and every record that it
 * replays, and fails when it has to stop before its target. Reading whole segments beforehand would
 * take as long as their replay.
 */

// XLOG_PAGE_MAGIC of Postgres 14 to 18.
const MAGICS: readonly number[] = [0xd10d, 0xd110, 0xd113, 0xd116, 0xd118];

export interface WalExpectation {
  readonly segment: WalSegment;
  /** How long its file is. */
  readonly bytes: number;
  readonly systemIdentifier: bigint;
}

/** Whether nothing before `to` is in a segment that begins at `start`. */
export function needsNothing(start: bigint, to: bigint): boolean {
  // Postgres gives the place after a full page as the one behind the next page's header.
  return to <= start + BigInt(LONG_HEADER_BYTES);
}

/** Says what is wrong with a WAL segment by its first page's header; `undefined` when nothing is. */
export function findWalDamage(header: Buffer, expected: WalExpectation): string | undefined {
  const { segment, bytes, systemIdentifier } = expected;
  const segmentBytes = Number(segment.end - segment.start);
  if (bytes !== segmentBytes) return `it has ${bytes} of ${segmentBytes} bytes`;
  if (!MAGICS.includes(header.readUInt16LE(0))) return 'it does not begin as a WAL segment';
  if (!isFirstPage(header, segment)) return 'it is another segment';
  if ((header.readUInt16LE(2) & IS_LONG_HEADER) === 0) return 'its header is incomplete';
  if (header.readBigUInt64LE(24) !== systemIdentifier) return 'it is of another cluster';
  if (header.readUInt32LE(32) !== segmentBytes) return 'it is of a cluster with other segments';
  if (header.readUInt32LE(36) !== PAGE_BYTES) return 'it is of a cluster with other pages';
  return undefined;
}

function isFirstPage(header: Buffer, { start, timelineNumber }: WalSegment): boolean {
  // Where a new timeline number begins, the segment begins as a copy of the old one's.
  if (header.readUInt32LE(4) > timelineNumber) return false;
  return header.readBigUInt64LE(8) === start;
}
