import { setImmediate } from 'node:timers/promises';
import { crc32c } from '@pgfleet/compute';
import type { DataDirectory } from '@pgfleet/compute';
import {
  FIRST_IS_OVERWRITE,
  LONG_HEADER_BYTES,
  PAGE_BYTES,
  SHORT_HEADER_BYTES,
} from './wal-page.ts';
import { compareSegments, parseSegmentName, segmentAt, WAL_SEGMENT_BYTES } from './wal-segment.ts';

/*
 * Finds the first record of a stretch of WAL that is not whole, as Postgres does when it replays
 * (src/backend/access/transam/xlogreader.c): by the checksum that each record carries. Far too slow
 * for every recovery; it explains failed ones.
 */

const RECORD_HEAD_BYTES = 24;
const CRC_OFFSET = 20;
const XLOG_SWITCH = 0x40;
const RM_XLOG_ID = 0;
// XLogRecordMaxSize.
const MAX_RECORD_BYTES = 1020 * 1024 * 1024;

export interface WalStretch {
  /** Where a record begins. */
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Returns where the first broken record between two places begins; `undefined` when all are whole, up
 * to the end or to where a segment is missing.
 */
export async function findBrokenRecord(
  files: DataDirectory,
  { from, to }: WalStretch,
): Promise<bigint | undefined> {
  const wal = new WalBytes(files, await newestSegments(files));
  for (let at = wal.skipHeader(from); at < to; ) {
    if (wal.isNewSegment(at)) await setImmediate();
    const record = wal.record(at);
    if (record === 'broken') return at;
    if (record === 'missing') return undefined;
    at = record.next;
  }
  return undefined;
}

/** By place: a later timeline number's segment has what there is of the one before. */
async function newestSegments(files: DataDirectory): Promise<ReadonlyMap<bigint, string>> {
  const segments = (await files.list('pg_wal')).flatMap((name) => parseSegmentName(name) ?? []);
  return new Map(segments.sort(compareSegments).map(({ start, name }) => [start, name]));
}

type Record = { readonly next: bigint } | 'broken' | 'missing';

/** The bytes of WAL without what frames them, one segment at a time in memory. */
class WalBytes {
  readonly #files: DataDirectory;
  readonly #names: ReadonlyMap<bigint, string>;
  #start = -1n;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(files: DataDirectory, names: ReadonlyMap<bigint, string>) {
    this.#files = files;
    this.#names = names;
  }

  isNewSegment(at: bigint): boolean {
    return segmentAt(1, at).start !== this.#start;
  }

  /** The place of the first byte behind the header of a page, if `at` is where that begins. */
  skipHeader(at: bigint): bigint {
    const size = BigInt(PAGE_BYTES);
    if (at % size !== 0n) return at;
    const isFirst = at % BigInt(WAL_SEGMENT_BYTES) === 0n;
    return at + BigInt(isFirst ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES);
  }

  record(at: bigint): Record {
    const head = this.#read(at, RECORD_HEAD_BYTES);
    if (!head) return 'missing';
    if (head.overwrittenAt !== undefined) return { next: this.skipHeader(head.overwrittenAt) };
    const length = head.bytes.readUInt32LE(0);
    if (length < RECORD_HEAD_BYTES || length > MAX_RECORD_BYTES) return 'broken';
    const whole = this.#read(at, length);
    if (!whole) return 'missing';
    if (whole.overwrittenAt !== undefined) return { next: this.skipHeader(whole.overwrittenAt) };
    const { bytes, end } = whole;
    const crc = crc32c(bytes.subarray(RECORD_HEAD_BYTES), bytes.subarray(0, CRC_OFFSET));
    if (crc !== bytes.readUInt32LE(CRC_OFFSET)) return 'broken';
    const isSwitch = bytes[17] === RM_XLOG_ID && (bytes[16]! & 0xf0) === XLOG_SWITCH;
    const next = isSwitch ? segmentAt(1, end - 1n).end : (end + 7n) & ~7n;
    return { next: this.skipHeader(next) };
  }

  /** So many bytes from a place on, over as many pages as that takes. */
  #read(
    from: bigint,
    length: number,
  ): { readonly bytes: Buffer; readonly end: bigint; readonly overwrittenAt?: bigint } | undefined {
    const parts: Buffer[] = [];
    let at = from;
    for (let left = length; left > 0; ) {
      const page = this.#page(at - (at % BigInt(PAGE_BYTES)));
      if (!page) return undefined;
      // A record that a crash cut short is no damage.
      const isContinued = at % BigInt(PAGE_BYTES) === 0n;
      if (isContinued && (page.readUInt16LE(2) & FIRST_IS_OVERWRITE) !== 0) {
        return { bytes: Buffer.concat(parts), end: at, overwrittenAt: at };
      }
      at = this.skipHeader(at);
      const offset = Number(at % BigInt(PAGE_BYTES));
      const part = page.subarray(offset, Math.min(PAGE_BYTES, offset + left));
      parts.push(part);
      at += BigInt(part.length);
      left -= part.length;
    }
    return { bytes: Buffer.concat(parts), end: at };
  }

  #page(start: bigint): Buffer | undefined {
    const segment = segmentAt(1, start);
    if (segment.start !== this.#start) {
      this.#bytes = this.#segment(this.#names.get(segment.start));
      this.#start = segment.start;
    }
    const offset = Number(start - segment.start);
    const page = this.#bytes.subarray(offset, offset + PAGE_BYTES);
    return page.length === PAGE_BYTES ? page : undefined;
  }

  #segment(name: string | undefined): Buffer {
    if (name === undefined || !this.#files.stat(`pg_wal/${name}`)?.isFile) return Buffer.alloc(0);
    return this.#files.read(`pg_wal/${name}`, WAL_SEGMENT_BYTES);
  }
}
