import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DriverName } from '@pgfleet/volume';
import { flushedLsn, TestCluster, writeWal } from './test-cluster.ts';
import { HistoryDamaged } from './history-damaged.ts';
import { parseSegmentName, segmentAt, WAL_SEGMENT_BYTES } from './wal-segment.ts';
import { WalStore, walTree } from './wal-store.ts';

const MIB = 1024 * 1024;
const SEGMENT = BigInt(WAL_SEGMENT_BYTES);
const isRoot = process.geteuid?.() === 0;
const drivers: readonly DriverName[] =
  isRoot && process.platform === 'linux' ? ['copy', 'reflink', 'btrfs'] : ['copy'];
const LEDGER = `SELECT count(*)::int AS rows, coalesce(sum(id), 0)::text AS sum FROM public.ledger`;

describe.each(drivers)('the WAL of a timeline on %s', (driver) => {
  let cluster: TestCluster;
  let store: WalStore;
  // Where the history begins, and how far it is known to go.
  let from: bigint;
  let to: bigint;
  let ledger: unknown;
  const walNames = (tree?: string) =>
    readdirSync(join(cluster.path(tree), 'pg_wal')).filter((name) => parseSegmentName(name));
  const reopen = async () => {
    store = await WalStore.open(cluster.volume, cluster.timelineId);
  };
  const stored = (name: string) => join(cluster.path(walTree(cluster.timelineId)), name);
  const collect = async () => {
    using dataDirectory = cluster.data();
    return await store.collect({ dataDirectory, before: cluster.control().redoLsn });
  };

  /** Lends a clone of the beginning whose `pg_wal` is empty. */
  async function withClone(work: (tree: string) => Promise<void>): Promise<void> {
    if (!(await cluster.volume.exists('clone'))) await cluster.volume.clone('point', 'clone');
    using clone = cluster.data('clone');
    await clone.clear('pg_wal');
    await work('clone');
  }

  async function place(tree: string, part: { from?: bigint; to?: bigint; live?: false } = {}) {
    using into = cluster.data(tree);
    using live = part.live === false ? undefined : cluster.data();
    const { owner } = cluster;
    await store.place({ into, live, from: part.from ?? from, to: part.to ?? to, owner });
  }

  beforeAll(async () => {
    cluster = await TestCluster.open(driver);
    await cluster.volume.clone(cluster.timelineId, 'point');
    from = cluster.control().redoLsn;
    await reopen();
  }, 120_000);
  afterAll(() => cluster[Symbol.asyncDispose]());

  test('leaves pg_wal only when Postgres does not need it, and survives that it is killed', async () => {
    const first = await cluster.start();
    await using admin = await cluster.connect();
    expect(await collect()).toBe(0);
    expect(await cluster.volume.exists(walTree(cluster.timelineId))).toBe(false);
    await writeWal(admin, 50 * MIB);
    expect(await collect()).toBe(0);
    await admin.query('CHECKPOINT');
    expect(await collect()).toBeGreaterThanOrEqual(3);
    await writeWal(admin, 40 * MIB);
    process.kill(first.record.postmaster.pid, 'SIGKILL');
    await first.exited;
    await admin[Symbol.asyncDispose]();
    await reopen();
    expect(await collect()).toBe(0);
    await cluster.start();
    await using again = await cluster.connect();
    await writeWal(again, 20 * MIB);
    await again.query('SELECT pg_switch_wal()');
    await again.query('CHECKPOINT');
    expect(await collect()).toBeGreaterThanOrEqual(3);
    await writeWal(again, 20 * MIB);
    [ledger] = await again.query(LEDGER);
    to = await flushedLsn(again);

    const kept = store.segments();
    expect(kept[0]!.start).toBe(segmentAt(1, from).start);
    for (const [at, { start, bytes }] of kept.entries()) {
      expect(start).toBe(kept[0]!.start + BigInt(at) * SEGMENT);
      expect(bytes).toBe(WAL_SEGMENT_BYTES);
    }
    expect(kept.at(-1)!.end).toBe(segmentAt(1, cluster.control().redoLsn).start);
    expect(store.bytes).toBe(kept.length * WAL_SEGMENT_BYTES);
    expect(walNames().some((name) => kept.some((segment) => segment.name === name))).toBe(false);
    const { uid, mode } = statSync(stored(kept[0]!.name));
    expect({ uid, mode: mode & 0o7777 }).toEqual({ uid: process.geteuid?.(), mode: 0o600 });
  }, 120_000);

  test('brings a clone of the past to the present while its source runs', async () => {
    const tree = await cluster.volume.clone('point', 'recovered').then(() => 'recovered');
    await place(tree);
    writeFileSync(join(cluster.path(tree), 'recovery.signal'), '');
    const recovery = { restore_command: 'false', hot_standby: 'off', fsync: 'off' };
    const instance = await cluster.start(tree, recovery);
    await using admin = await cluster.connect(tree);
    expect(await admin.query(LEDGER)).toEqual([ledger]);
    await admin[Symbol.asyncDispose]();
    await instance.stop();
  }, 120_000);

  test('is placed from one segment to another, and no further', async () => {
    await withClone(async (tree) => {
      const { start } = store.segments()[2]!;
      await place(tree, { from: start + 5n, to: start + SEGMENT + 500n, live: false });
      expect(walNames(tree).sort()).toEqual([2, 3].map((at) => store.segments()[at]!.name));
    });
  });

  test('is damaged where a segment is missing, and nowhere else', async () => {
    await withClone(async (tree) => {
      const after = store.segments().at(-1)!.end;
      await expect(place(tree, { to: after, live: false })).resolves.toBeUndefined();
      const lost = expect.objectContaining({
        code: 'history_damaged',
        fromLsn: after,
        toLsn: after + SEGMENT,
      });
      await expect(place(tree, { live: false })).rejects.toEqual(lost);
      const { name, start } = store.segments()[1]!;
      await rename(stored(name), stored('aside'));
      const failure = await place(tree).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(HistoryDamaged);
      expect(failure).toMatchObject({ fromLsn: start, toLsn: start + SEGMENT });
      await expect(place(tree, { from: start + SEGMENT })).resolves.toBeUndefined();
      await rename(stored('aside'), stored(name));
      await expect(place(tree)).resolves.toBeUndefined();
    });
  });

  test.each([
    ['cut short', (path: string) => truncateSync(path, WAL_SEGMENT_BYTES - 8192)],
    ['too long', (path: string) => truncateSync(path, WAL_SEGMENT_BYTES + 1)],
    ['zeroed in its beginning', (path: string) => zero(path, 0, 8192)],
    ['a link to something else', (path: string) => relink(path, '/etc/passwd')],
  ])('is damaged where a segment is %s, in the store or still in pg_wal', async (_, harm) => {
    await withClone(async (tree) => {
      const inStore = store.segments()[1]!;
      const inLive = segmentAt(1, store.segments().at(-1)!.end);
      const places = [
        [inStore, stored(inStore.name)],
        [inLive, join(cluster.path(), 'pg_wal', inLive.name)],
      ] as const;
      for (const [{ start }, path] of places) {
        const aside = `${path}.aside`;
        copyFileSync(path, aside);
        harm(path);
        const failure = await place(tree).catch((error: unknown) => error);
        expect(failure).toMatchObject({ code: 'history_damaged', fromLsn: start });
        renameSync(aside, path);
        await expect(place(tree)).resolves.toBeUndefined();
      }
    });
  });

  test('is whole again when a crash came between the halves of a move', async () => {
    const before = store.segments();
    const { name } = before[1]!;
    copyFileSync(stored(name), join(cluster.path(), 'pg_wal', name));
    writeFileSync(stored(`${before.at(-1)!.name}.incoming`), 'half');
    await reopen();
    expect(store.segments()).toEqual(before);
    expect(readdirSync(cluster.path(walTree(cluster.timelineId))).sort()).toEqual(
      before.map((segment) => segment.name),
    );
    expect(await collect()).toBe(1);
    expect(walNames()).not.toContain(name);
    await withClone((tree) => expect(place(tree)).resolves.toBeUndefined());
  });

  test('goes on where an interrupted collection ended, and takes nothing but segments', async () => {
    const before = store.segments();
    await using admin = await cluster.connect();
    await writeWal(admin, 50 * MIB);
    await admin.query('CHECKPOINT');
    const odd = [
      '00000002.history',
      '000000010000000000000000',
      '0000000100000000000000AA.partial',
    ];
    const inWal = (name: string) => join(cluster.path(), 'pg_wal', name);
    for (const name of odd) writeFileSync(inWal(name), 'x');
    symlinkSync('/etc/passwd', inWal('000000020000000000000000'));
    using dataDirectory = cluster.data();
    const { redoLsn } = cluster.control();
    const signal = abortsAfter(2);
    const interrupted = store.collect({ dataDirectory, before: redoLsn, signal });
    await expect(interrupted).rejects.toThrow('interrupted');
    expect(store.segments()).toHaveLength(before.length + 2);
    await reopen();
    expect(await collect()).toBeGreaterThanOrEqual(1);
    expect(store.segments().at(-1)!.end).toBe(segmentAt(1, redoLsn).start);
    for (const name of odd) expect(statSync(inWal(name)).size).toBe(1);
    await withClone((tree) => expect(place(tree)).resolves.toBeUndefined());
    for (const name of [...odd, '000000020000000000000000']) rmSync(inWal(name));
  });

  test('is given back from its old end, and what needed it is damaged then', async () => {
    const [first, second, third] = store.segments();
    expect(await store.expire({ before: second!.end - 1n })).toBe(1);
    expect(await store.expire({ before: third!.start })).toBe(1);
    expect(store.segments()[0]).toEqual(third);
    await reopen();
    expect(store.segments()[0]).toEqual(third);
    await withClone(async (tree) => {
      await expect(place(tree)).rejects.toMatchObject({ fromLsn: first!.start });
      await expect(place(tree, { from: third!.start })).resolves.toBeUndefined();
    });
  });
});

function zero(path: string, from: number, to: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(to - from), 0, to - from, from);
  closeSync(fd);
}

function relink(path: string, target: string): void {
  rmSync(path);
  symlinkSync(target, path);
}

/** A signal that is looked at so many times before it aborts. */
function abortsAfter(looks: number): AbortSignal {
  let left = looks;
  const controller = new AbortController();
  return Object.assign(controller.signal, {
    throwIfAborted: () => {
      left -= 1;
      if (left < 0) throw new Error('interrupted');
    },
  });
}
