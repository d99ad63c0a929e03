import type { WalCount } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import { addWritten, beginWriting, endWriting, nothingWritten } from './written-data.ts';
import type { WritingRun, WrittenData } from './written-data.ts';

/** What an endpoint has used, ever; written to disk, so times are RFC 3339. */
export interface UsageRecord {
  readonly activeSeconds: number;
  readonly bytesOut: number;
  readonly written: WrittenData;
  /** Until when a run is counted in {@link activeSeconds}; null when none is going on. */
  readonly countedUntil: string | null;
  readonly lastActiveAt: string | null;
  readonly startedAt: string | null;
  readonly suspendedAt: string | null;
  readonly startError: string | null;
}

export function isUsageRecord(value: unknown): value is UsageRecord {
  return typeof value === 'object' && value !== null && 'activeSeconds' in value;
}

const unused: UsageRecord = {
  activeSeconds: 0,
  bytesOut: 0,
  written: nothingWritten,
  countedUntil: null,
  lastActiveAt: null,
  startedAt: null,
  suspendedAt: null,
  startError: null,
};

/** What was used since some moment. */
export type Used = Pick<UsageRecord, 'activeSeconds' | 'bytesOut'> & {
  readonly writtenBytes: number;
};

/** Counts what one endpoint uses. Figures only grow, unless they are moved to another meter. */
export class UsageMeter {
  #usage: UsageRecord;

  constructor(stored: UsageRecord | undefined) {
    this.#usage = { ...unused, ...stored };
  }

  /** The figures up to this moment. */
  read(now = new Date()): UsageRecord {
    this.#countUntil(now);
    return this.#usage;
  }

  /** Takes the figures away, for another meter to {@link add}. */
  take(now = new Date()): Used {
    const { activeSeconds, bytesOut, written } = this.read(now);
    this.#set({ activeSeconds: 0, bytesOut: 0, written: { ...written, bytes: 0 } });
    return { activeSeconds, bytesOut, writtenBytes: written.bytes };
  }

  add({ activeSeconds, bytesOut, writtenBytes }: Used): void {
    const { written, ...usage } = this.#usage;
    this.#set({
      activeSeconds: usage.activeSeconds + activeSeconds,
      bytesOut: usage.bytesOut + bytesOut,
      written: { ...written, bytes: written.bytes + writtenBytes },
    });
  }

  begin(startedAt = new Date()): void {
    const at = startedAt.toISOString();
    this.#set({ countedUntil: at, startedAt: at, lastActiveAt: at, startError: null });
  }

  /** Goes on with a run that an earlier process began: all of it counts, also the time between. */
  resume(startedAt: Date): void {
    const at = startedAt.toISOString();
    this.#set({ countedUntil: this.#usage.countedUntil ?? at, startedAt: at });
  }

  end(now = new Date()): void {
    this.#countUntil(now);
    this.#set({ countedUntil: null, suspendedAt: now.toISOString() });
  }

  /** Ends a run whose end nobody saw: what was not counted by then is the tenant's gain. */
  abandon(): void {
    const { countedUntil } = this.#usage;
    if (countedUntil !== null) this.#set({ countedUntil: null, suspendedAt: countedUntil });
    this.#set({ written: { ...this.#usage.written, counted: {} } });
  }

  /** Begins to count what is written to a timeline, at what was written before. */
  beginWriting(timelineId: TimelineId, before: WalCount | undefined): void {
    this.#set({ written: beginWriting(this.#usage.written, timelineId, before) });
  }

  /** Notes how much has been written by now to the timeline of a run. */
  wrote(run: WritingRun, count: WalCount): void {
    this.#set({ written: addWritten(this.#usage.written, run, count) });
  }

  /** Ends what {@link beginWriting} began, with the last count if there was one. */
  endWriting(run: WritingRun, count?: WalCount): void {
    if (count) this.wrote(run, count);
    this.#set({ written: endWriting(this.#usage.written, run.timelineId) });
  }

  fail(startError: string): void {
    this.#set({ startError });
  }

  sent(bytes: number): void {
    this.#set({ bytesOut: this.#usage.bytesOut + bytes });
  }

  /** Notes activity `quietMs` milliseconds ago. */
  active(quietMs = 0): void {
    const at = new Date(Date.now() - quietMs).toISOString();
    if (at > (this.#usage.lastActiveAt ?? '')) this.#set({ lastActiveAt: at });
  }

  #countUntil(now: Date): void {
    const { countedUntil, activeSeconds } = this.#usage;
    if (countedUntil === null) return;
    const seconds = (now.getTime() - Date.parse(countedUntil)) / 1000;
    // A wall clock that was set back must not take back what was counted.
    if (seconds <= 0) return;
    this.#set({ activeSeconds: activeSeconds + seconds, countedUntil: now.toISOString() });
  }

  #set(change: Partial<UsageRecord>): void {
    this.#usage = { ...this.#usage, ...change };
  }
}
