import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { newBranchId, newEndpointId, newTimelineId, PgfleetError } from '@pgfleet/contract';
import type { HostClient, PointInTime, TimelineSpec } from '@pgfleet/contract';
import { retry, waitUntil } from '@pgfleet/kit';
import { probeVolume } from '@pgfleet/volume';
import type { DriverName } from '@pgfleet/volume';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHost, presentOf, queryValue, startTenant, testDirectory } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const MIB = 1024 * 1024;
const DISK_BYTES = 700 * MIB;
// What the table below takes: in the source's tree, in its WAL, and in what is recovered.
const TABLE_MIB = 48;
const region = 'aws-us-east-2';
const full = { code: 'disk_full' };
const isRoot = process.getuid?.() === 0;
const { candidates } = await probeVolume({ directory: '/tmp' });

describe.each<DriverName>(['btrfs', 'reflink', 'copy'])('a full volume, %s', (driver) => {
  const works = isRoot && candidates.some((one) => one.driver === driver && one.works);

  describe.skipIf(!works)('on a small disk', () => {
    let directory: Awaited<ReturnType<typeof testDirectory>>;
    let opened: Awaited<ReturnType<typeof openTestHost>>;
    let host: HostClient;
    let tenant: Tenant;
    /** Before anything of the table was there, when it was, and just behind that. */
    let points: Readonly<Record<'before' | 'written' | 'behind', PointInTime>>;
    beforeAll(async () => {
      directory = await testDirectory();
      mkdirSync(place('volume'), { recursive: true });
      const size = `size=${DISK_BYTES}`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', place('volume')]);
      opened = await openTestHost(directory.path, { volume: driver, spareClones: 0 });
      ({ host } = opened);
      // Its cleaner, which gives room back, wakes with the commits of the file system.
      if (driver === 'btrfs') {
        execFileSync('mount', ['-o', 'remount,commit=1', place('volume', 'volume')]);
      }
      tenant = await startTenant(host);
      const before = await headOf(tenant);
      await queryValue(tenant.socketPath, 'CREATE TABLE notes (n int, filler text)');
      await queryValue(
        tenant.socketPath,
        `INSERT INTO notes SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, ${TABLE_MIB * 1000}) n`,
      );
      const written = await presentOf(tenant);
      points = { before, written, behind: await headOf(tenant) };
      // A read of what was written just now would write as well.
      await queryValue(tenant.socketPath, 'SELECT count(*) FROM notes');
      await host.suspend(tenant.endpointId);
      // Waits for the point of history at rest: one that is taken of what runs needs room for WAL.
      await headOf(tenant);
      await host.start(tenant.endpointId);
    });
    afterAll(async () => {
      await opened[Symbol.asyncDispose]();
      execFileSync('umount', [place('volume')]);
      await directory[Symbol.asyncDispose]();
    });

    const place = (...names: readonly string[]) => join(directory.path, 'host', ...names);
    const ballast = () => place('volume', 'volume', 'ballast');

    async function headOf({ timeline }: Tenant): Promise<PointInTime> {
      return (await host.resolvePoint(timeline.timelineId, { kind: 'head' })).at;
    }

    function copyAt(at: PointInTime): TimelineSpec {
      const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
      const source = { kind: 'timeline', timelineId: tenant.timeline.timelineId, at } as const;
      return { ...tenant.timeline, ...ids, source, initial: { roles: [], databases: [] } };
    }

    // On btrfs there is room for new inodes only a while after something was deleted.
    async function makeRoom(): Promise<void> {
      rmSync(ballast(), { recursive: true });
      execFileSync('sync', ['-f', place('volume', 'volume')]);
      const probe = place('volume', 'volume', 'probe');
      const hasRoom = () => {
        try {
          mkdirSync(probe);
          rmdirSync(probe);
          return true;
        } catch {
          return false;
        }
      };
      await waitUntil(hasRoom, { what: 'room', timeoutMs: 120_000, intervalMs: 500 });
    }

    /** Fills the volume until so much is free, or as little as it goes. */
    function leaveFree(bytes: number): AsyncDisposable {
      // Trees are deleted in the background there, and what they leave would come as a surprise.
      if (driver === 'btrfs') {
        execFileSync('btrfs', ['subvolume', 'sync', place('volume', 'volume')]);
        execFileSync('sync', ['-f', place('volume', 'volume')]);
      }
      mkdirSync(ballast());
      const free = () => {
        const { bavail, bsize } = statfsSync(place('volume', 'volume'));
        return bavail * bsize - bytes;
      };
      for (let share = 1, number = 0; free() >= MIB && share > 0.01; number++) {
        const length = String(Math.floor(free() * share));
        const path = join(ballast(), String(number));
        try {
          execFileSync('fallocate', ['-l', length, path], { stdio: 'ignore' });
        } catch {
          rmSync(path, { force: true });
          share /= 2;
        }
      }
      return { [Symbol.asyncDispose]: makeRoom };
    }

    /** Everything that a timeline may leave: trees and their parts, records, locks. */
    function traces(): readonly string[] {
      const names = ['timelines', 'locks', 'verifiers', 'history'].map((name) => place(name));
      const parts = ['trees', 'incoming', 'trash'].map((name) => place('volume', 'volume', name));
      return [...names, ...parts].flatMap((path) => readdirSync(path)).filter(isOfTimeline);
    }

    const isOfTimeline = (name: string) => /(^|-)tl-/.test(name);

    const startedAt = () =>
      queryValue(tenant.socketPath, 'SELECT pg_postmaster_start_time()::text');

    async function rowsOf(spec: TimelineSpec, table = 'notes'): Promise<unknown> {
      const { branchId, timelineId } = spec;
      const endpointId = newEndpointId(region);
      await host.putEndpoint({ ...tenant.endpoint, branchId, timelineId, endpointId });
      const { socketPath } = await host.start(endpointId);
      const rows = await queryValue(socketPath, `SELECT count(*) FROM ${table}`);
      await host.deleteEndpoint(endpointId);
      await host.deleteTimeline(timelineId);
      return rows;
    }

    // As control does; btrfs gives room back little by little.
    function putAgain(spec: TimelineSpec): Promise<unknown> {
      const retryable = (error: unknown) =>
        error instanceof PgfleetError && error.code === full.code;
      const pace = { attempts: 60, baseMs: 1000, capMs: 1000, retryable };
      return retry(() => host.putTimeline(spec), pace);
    }

    test('refuses branches, restores and snapshots, and lets who runs alone', async () => {
      const [traced, started] = [traces(), await startedAt()];
      const branch = copyAt({ kind: 'head' });
      const restore = copyAt(points.before);
      const snapshot = copyAt(points.behind);
      const { timelineId } = tenant.timeline;
      {
        await using _ballast = leaveFree(4 * MIB);
        for (const spec of [branch, restore, snapshot]) {
          await expect(host.putTimeline(spec)).rejects.toMatchObject(full);
        }
        await expect(host.resolvePoint(timelineId, { kind: 'head' })).rejects.toMatchObject(full);
        expect(traces()).toEqual(traced);
        expect(await startedAt()).toBe(started);
        expect(await queryValue(tenant.socketPath, 'SELECT count(*) FROM notes')).toBe(
          String(TABLE_MIB * 1000),
        );
      }
      for (const spec of [branch, restore, snapshot]) await putAgain(spec);
      expect(await rowsOf(branch)).toBe(String(TABLE_MIB * 1000));
      expect(await rowsOf(snapshot)).toBe(String(TABLE_MIB * 1000));
      expect(await rowsOf(restore, `pg_class WHERE relname = 'notes'`)).toBe('0');
      expect(await startedAt()).toBe(started);
    });

    test('that runs full in the middle of a restore takes back what was made', async () => {
      const [traced, started] = [traces(), await startedAt()];
      const restore = copyAt(points.written);
      {
        await using _ballast = leaveFree(36 * MIB);
        await expect(host.putTimeline(restore)).rejects.toMatchObject(full);
        expect(traces()).toEqual(traced);
        expect(await startedAt()).toBe(started);
      }
      await putAgain(restore);
      expect(await rowsOf(restore)).toBe(String(TABLE_MIB * 1000));
      expect(traces()).toEqual(traced);
    });
  });
});
