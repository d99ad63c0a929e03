import { expect, test } from 'vitest';
import type { PointRecord } from './history-record.ts';
import { nearestPoint } from './nearest-point.ts';
import type { RunningState } from './retention.ts';
import { isPointDue, isRestPointDue, planRetention, targetDistance } from './retention.ts';
import { formatLsn, parseLsn } from './wal-segment.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const now = new Date('2026-06-15T12:00:00Z');
const ago = (ms: number) => new Date(now.getTime() - ms).toISOString();

function point(tree: string, atMib: number, ageMs: number): PointRecord {
  const lsn = Math.round(atMib * MIB) + 100;
  return pointAt({ tree, lsn, redo: lsn - 100, at: ago(ageMs) });
}

interface PointPlace {
  readonly tree: string;
  readonly lsn: number;
  readonly redo: number;
  readonly at: string;
}

function pointAt({ tree, lsn, redo, at }: PointPlace): PointRecord {
  const consistentLsn = formatLsn(BigInt(lsn));
  const redoLsn = formatLsn(BigInt(redo));
  return {
    tree,
    kind: 'running',
    redoLsn,
    consistentLsn,
    endLsn: consistentLsn,
    at,
    backupLabel: '',
  };
}

function plan(points: readonly PointRecord[], retentionSeconds: number, copiedBytes?: number) {
  const copied = copiedBytes === undefined ? {} : { copiedBytes };
  const { drop, walBefore } = planRetention({ points, now, retentionSeconds, ...copied });
  return { drop: drop.map(({ tree }) => tree), walBefore };
}

test('the newest point at or before the beginning of the window stays, with its WAL', () => {
  const points = [
    point('a', 1000, 5 * HOUR_MS),
    point('b', 2000, 3 * HOUR_MS),
    point('c', 3000, 2 * HOUR_MS),
    point('d', 4000, HOUR_MS),
  ];
  expect(plan(points, 2 * 3600)).toEqual({
    drop: ['a', 'b'],
    walBefore: parseLsn(points[2]!.redoLsn),
  });
  expect(plan(points, 2 * 3600 + 1)).toEqual({
    drop: ['a'],
    walBefore: parseLsn(points[1]!.redoLsn),
  });
  expect(plan(points, 6 * 3600)).toEqual({ drop: [], walBefore: parseLsn(points[0]!.redoLsn) });
  expect(plan(points, 0)).toEqual({
    drop: ['a', 'b', 'c'],
    walBefore: parseLsn(points[3]!.redoLsn),
  });
  expect(plan([], 3600)).toEqual({ drop: [], walBefore: null });
});

test('points are thinned with age, and the first and the newest never', () => {
  const every = (mib: number, ageMs: number) =>
    Array.from({ length: 33 }, (_, at) => point(String(at), at * mib, ageMs - at));
  const distances = (points: readonly PointRecord[]) => {
    const { drop } = plan(points, 10 * 24 * 3600);
    const kept = points.filter(({ tree }) => !drop.includes(tree));
    expect([kept[0], kept.at(-1)]).toEqual([points[0], points.at(-1)]);
    return kept
      .slice(1)
      .map(({ consistentLsn }, at) =>
        Number((parseLsn(consistentLsn) - parseLsn(kept[at]!.consistentLsn)) / BigInt(MIB)),
      );
  };
  expect(new Set(distances(every(8, 60_000)))).toEqual(new Set([16]));
  expect(new Set(distances(every(16, HOUR_MS)))).toEqual(new Set([256]));
  expect(new Set(distances(every(64, 48 * HOUR_MS)))).toEqual(new Set([1024]));
  expect(new Set(distances(every(2000, 48 * HOUR_MS)))).toEqual(new Set([2000]));
  expect(distances(every(0, 60_000))).toEqual([0]);
});

test('where a point is a full copy, fewer are kept', () => {
  const points = Array.from({ length: 5 }, (_, at) => point(String(at), at * 300, HOUR_MS));
  expect(plan(points, 7200).drop).toEqual([]);
  expect(plan(points, 7200, 600 * MIB).drop).toEqual(['1', '3']);
});

test('a running instance is worth a point after much WAL, or after some when it is quiet', () => {
  const copied = { isLost: false, driverCopies: false, dataBytes: 1024 * MIB };
  const busy = { ...copied, msSinceLast: 60_000, lastCloneMs: 0, quietMs: 0 };
  const due = ({ walBytesSinceLast = 0, ...change }: Partial<RunningState>) =>
    isPointDue({ ...busy, walBytesSinceLast, ownWalBytes: walBytesSinceLast ?? 0, ...change });
  expect(due({ walBytesSinceLast: 16 * MIB })).toBe(true);
  expect(due({ walBytesSinceLast: 16 * MIB - 1 })).toBe(false);
  expect(due({ walBytesSinceLast: 64 * MIB - 1, msSinceLast: 14_999 })).toBe(false);
  expect(due({ walBytesSinceLast: 64 * MIB, msSinceLast: 14_999 })).toBe(true);
  expect(due({ walBytesSinceLast: 63 * MIB, lastCloneMs: 6_001 })).toBe(false);
  expect(due({ walBytesSinceLast: 63 * MIB, lastCloneMs: 6_000 })).toBe(true);
  expect(due({ walBytesSinceLast: 64 * MIB, lastCloneMs: 60_000 })).toBe(true);
  expect(due({ walBytesSinceLast: 32 * MIB, ownWalBytes: 8 * MIB - 1 })).toBe(false);
  expect(due({ walBytesSinceLast: 32 * MIB, ownWalBytes: 8 * MIB })).toBe(true);
  expect(due({ walBytesSinceLast: 8 * MIB, quietMs: 4_999 })).toBe(false);
  expect(due({ walBytesSinceLast: 8 * MIB, quietMs: 5_000 })).toBe(true);
  expect(due({ walBytesSinceLast: 8 * MIB - 1, quietMs: 500_000 })).toBe(false);
  expect(due({ walBytesSinceLast: 1024 * MIB, msSinceLast: 4_999 })).toBe(false);
  expect(due({ walBytesSinceLast: null })).toBe(true);
  expect(due({ walBytesSinceLast: 64 * MIB, msSinceLast: -3_600_000 })).toBe(true);
  expect(due({ isLost: true })).toBe(true);
  expect(due({ isLost: true, msSinceLast: 4_999 })).toBe(false);
  const copies = { driverCopies: true, quietMs: 5_000 };
  expect(due({ ...copies, walBytesSinceLast: 1024 * MIB - 1 })).toBe(false);
  expect(due({ ...copies, walBytesSinceLast: 1024 * MIB })).toBe(true);
  expect(due({ ...copies, walBytesSinceLast: 31 * MIB, dataBytes: MIB })).toBe(true);
});

test('a timeline at rest is worth a point when something was written, or when it has none', () => {
  const rest = { isLost: false, isBorrowed: false, driverCopies: false, dataBytes: 1024 * MIB };
  expect(isRestPointDue({ ...rest, walBytesSinceLast: null })).toBe(true);
  expect(isRestPointDue({ ...rest, walBytesSinceLast: 8 * MIB - 1 })).toBe(false);
  expect(isRestPointDue({ ...rest, walBytesSinceLast: 8 * MIB })).toBe(true);
  expect(isRestPointDue({ ...rest, driverCopies: true, walBytesSinceLast: 8 * MIB })).toBe(false);
  expect(isRestPointDue({ ...rest, isBorrowed: true, walBytesSinceLast: 0 })).toBe(true);
});

/** A tenant's life: writes, pauses, suspends; points and WAL come and go by the policy. */
class Life {
  readonly #random: () => number;
  readonly retentionSeconds: number;
  readonly copies: boolean;
  readonly dataBytes: number;
  readonly log: { readonly lsn: number; readonly ms: number }[] = [];
  points: PointRecord[] = [];
  walBefore = 0n;
  ms = now.getTime();
  lsn = MIB;
  #quietMs = 0;
  #lastMs = 0;
  #taken = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.retentionSeconds = [0, 60, 3600, 6 * 3600, 7 * 86_400][seed % 5]!;
    this.copies = seed % 3 === 0;
    this.dataBytes = Math.floor(this.#random() * 400) * MIB;
    this.log.push({ lsn: this.lsn, ms: this.ms });
    this.#take();
  }

  step(): void {
    const idle = this.#random() < 0.3;
    const elapsedMs = Math.floor(this.#random() ** 4 * 4 * HOUR_MS) + 1000;
    const written = idle ? 0 : Math.floor(this.#random() ** 3 * 60 * MIB);
    this.ms += elapsedMs;
    this.lsn += written;
    this.#quietMs = written > 0 ? 0 : this.#quietMs + elapsedMs;
    this.log.push({ lsn: this.lsn, ms: this.ms });
    if (this.#isDue()) this.#take();
    if (this.#random() < 0.4) this.retain();
  }

  #isDue(): boolean {
    const last = this.points.at(-1);
    const walBytesSinceLast = last ? this.lsn - Number(parseLsn(last.consistentLsn)) : null;
    const state = {
      isLost: false,
      isBorrowed: false,
      walBytesSinceLast,
      ownWalBytes: walBytesSinceLast ?? 0,
      msSinceLast: this.ms - this.#lastMs,
      lastCloneMs: Math.floor(this.#random() ** 3 * 20_000),
      quietMs: this.#quietMs,
      driverCopies: this.copies,
      dataBytes: this.dataBytes,
    };
    return this.#random() < 0.2 ? isRestPointDue(state) : isPointDue(state);
  }

  #take(): void {
    const redo = this.log.at(-2)?.lsn ?? this.lsn;
    this.#lastMs = this.ms;
    const at = new Date(this.ms).toISOString();
    this.points.push(pointAt({ tree: String(this.#taken++), lsn: this.lsn, redo, at }));
  }

  retain(): void {
    const { points, retentionSeconds } = this;
    const copied = this.copies ? { copiedBytes: this.dataBytes } : {};
    const at = new Date(this.ms);
    const { drop, walBefore } = planRetention({ points, now: at, retentionSeconds, ...copied });
    this.points = points.filter((each) => !drop.includes(each));
    if (walBefore! > this.walBefore) this.walBefore = walBefore!;
  }

  /** Moments of the window that cannot be restored, or only by replaying too much. */
  problems(): readonly string[] {
    const begin = Math.max(this.ms - this.retentionSeconds * 1000, this.log[0]!.ms);
    return this.log.flatMap(({ lsn, ms }) => {
      if (ms < begin) return [];
      const targets = [
        { kind: 'lsn', lsn: formatLsn(BigInt(lsn)) },
        { kind: 'time', at: new Date(ms).toISOString() },
      ] as const;
      const unit = this.copies ? Math.max(this.dataBytes, 64 * MIB) : 64 * MIB;
      // What is dropped leaves a target distance; what was not yet taken, a unit and one step.
      const allowed = Math.max(targetDistance((this.ms - ms) * 1000), unit) + unit + 60 * MIB;
      return targets.flatMap((target) => {
        const base = nearestPoint(this.points, target);
        if (!base) return [`no point for ${ms}`];
        if (parseLsn(base.redoLsn) < this.walBefore) return [`no WAL for ${ms}`];
        const replayBytes = lsn - Number(parseLsn(base.consistentLsn));
        return replayBytes > allowed ? [`${replayBytes} bytes to replay for ${ms}`] : [];
      });
    });
  }
}

test('whatever a tenant does, every moment of its window has a point, WAL, and bounded replay', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const life = new Life(seed);
    for (let at = 0; at < 16; at++) {
      for (let steps = 0; steps < 20; steps++) life.step();
      expect(life.problems()).toEqual([]);
    }
    life.retain();
    const walMib = (life.lsn - Number(parseLsn(life.points[0]!.consistentLsn))) / MIB;
    // Of three in a row the outer ones are further apart than the smallest target.
    expect(life.points.length).toBeLessThanOrEqual(3 + (2 * walMib) / 64);
  }
});

/** Numbers between 0 and 1 that are the same in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
