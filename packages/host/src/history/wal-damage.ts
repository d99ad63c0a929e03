import type { WalSegment } from './wal-segment.ts';

/*
 * What tells a whole WAL segment from a torn, zeroed or foreign one without reading its records.
 *
 * Every page begins with a header (src/include/access/xlog_internal.h): `XLogPageHeaderData`
 *   0 xlp_magic u16 · 2 xlp_info u16 · 4 xlp_tli u32 · 8 xlp_pageaddr u64 · 16 xlp_rem_len u32
 * padded to 24 bytes; the first of a segment is a `XLogLongPageHeaderData`, which goes on with
 *   24 xlp_sysid u64 · 32 xlp_seg_size u32 · 36 xlp_xlog_blcksz u32.
 *
 * After an XLOG_SWITCH record the rest of a segment is zeros without page headers
 * (`CopyXLogRecordToWAL` in src/backend/access/transam/xlog.c). The head of a record, `XLogRecord`
 * in src/include/access/xlogrecord.h, is
 *   0 xl_tot_len u32 · 4 xl_xid u32 · 8 xl_prev u64 · 16 xl_info u8 · 17 xl_rmid u8 · 20 xl_crc u32
 * and begins at a multiple of eight bytes.
 *
 * What is wrong inside of a page is left to the checksum of its record, which Postgres checks when
 * it replays.
 */

// XLOG_PAGE_MAGIC of Postgres 14 to 18.
const MAGICS: readonly number[] = [0xd10d, 0xd110, 0xd113, 0xd116, 0xd118];
const PAGE_BYTES = 8192;
const SHORT_HEADER_BYTES = 24;
const LONG_HEADER_BYTES = 40;
const FIRST_IS_CONTRECORD = 0x1;
const LONG_HEADER = 0x2;
const RECORD_HEAD_BYTES = 24;
const XLOG_SWITCH = 0x40;
const RM_XLOG_ID = 0;

export interface WalExpectation {
  readonly segment: WalSegment;
  readonly systemIdentifier: bigint;
  /** What comes after this place need not be there. */
  readonly to: bigint;
}

/** Whether nothing before `to` is in a segment, or on a page, that begins at `start`. */
export function needsNothing(start: bigint, to: bigint): boolean {
  // Postgres gives the place after a full page as the one behind the next page's header.
  return to <= start + BigInt(LONG_HEADER_BYTES);
}

/** Says what is wrong with the content of a WAL segment; `undefined` when nothing is. */
export function findWalDamage(bytes: Buffer, expected: WalExpectation): string | undefined {
  const { segment, to } = expected;
  const segmentBytes = Number(segment.end - segment.start);
  if (needsNothing(segment.start, to)) return undefined;
  if (bytes.length !== segmentBytes) return `it has ${bytes.length} of ${segmentBytes} bytes`;
  const first = firstPageDamage(bytes, expected);
  if (first !== undefined) return first;
  for (let at = PAGE_BYTES; at < segmentBytes; at += PAGE_BYTES) {
    if (needsNothing(segment.start + BigInt(at), to)) return undefined;
    if (isPage(bytes, at, segment)) continue;
    const isSwitched = isZero(bytes.subarray(at)) && endsInSwitch(bytes, at);
    return isSwitched ? undefined : `the page at offset ${at} is not what belongs there`;
  }
  return undefined;
}

function firstPageDamage(bytes: Buffer, expected: WalExpectation): string | undefined {
  const { segment, systemIdentifier } = expected;
  if (!MAGICS.includes(bytes.readUInt16LE(0))) return 'it does not begin as a WAL segment';
  if (!isPage(bytes, 0, segment)) return 'it is another segment';
  if ((bytes.readUInt16LE(2) & LONG_HEADER) === 0) return 'its header is incomplete';
  if (bytes.readBigUInt64LE(24) !== systemIdentifier) return 'it is of another cluster';
  if (bytes.readUInt32LE(32) !== bytes.length) return 'it is of a cluster with other segments';
  if (bytes.readUInt32LE(36) !== PAGE_BYTES) return 'it is of a cluster with other pages';
  return undefined;
}

function isPage(bytes: Buffer, at: number, { start, timelineNumber }: WalSegment): boolean {
  if (bytes.readUInt16LE(at) !== bytes.readUInt16LE(0)) return false;
  // Where a new timeline number begins, the segment begins as a copy of the old one's.
  if (bytes.readUInt32LE(at + 4) > timelineNumber) return false;
  return bytes.readBigUInt64LE(at + 8) === start + BigInt(at);
}

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    if (!bytes.subarray(at, at + PAGE_BYTES).equals(zeroPage)) return false;
  }
  return true;
}

const zeroPage = Buffer.alloc(PAGE_BYTES);

/** Says whether the last record before the page at `end` is a segment switch. */
function endsInSwitch(bytes: Buffer, end: number): boolean {
  const last = end - PAGE_BYTES;
  if (lastRecordIsSwitch(bytes, last, end)) return true;
  // Its head may begin on the page before, or in the segment before.
  if (last > 0) return lastRecordIsSwitch(bytes, last - PAGE_BYTES, end);
  return continuedBytes(bytes, 0) > 0 && continuedBytes(bytes, 0) < RECORD_HEAD_BYTES;
}

function lastRecordIsSwitch(bytes: Buffer, from: number, end: number): boolean {
  const records = recordBytes(bytes, from, end);
  let isSwitch = false;
  for (let at = aligned(continuedBytes(bytes, from)); at < records.length; ) {
    const length = records.readUInt32LE(at);
    if (length === 0) return isSwitch && records.subarray(at).every((byte) => byte === 0);
    if (length < RECORD_HEAD_BYTES || at + length > records.length) return false;
    const kind = records.readUInt8(at + 16) & 0xf0;
    isSwitch = kind === XLOG_SWITCH && records.readUInt8(at + 17) === RM_XLOG_ID;
    at += aligned(length);
  }
  return isSwitch;
}

/** What stands on some pages without their headers. */
function recordBytes(bytes: Buffer, from: number, end: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = from; at < end; at += PAGE_BYTES) {
    const header = at === 0 ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
    parts.push(bytes.subarray(at + header, at + PAGE_BYTES));
  }
  return Buffer.concat(parts);
}

/** How many bytes on a page, and maybe on those after it, belong to a record that began before. */
function continuedBytes(bytes: Buffer, at: number): number {
  const isContinued = (bytes.readUInt16LE(at + 2) & FIRST_IS_CONTRECORD) !== 0;
  return isContinued ? bytes.readUInt32LE(at + 16) : 0;
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}
