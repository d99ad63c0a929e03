import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { EndpointSpec, TimelineId, TimelineSpec } from '@pgfleet/contract';
import { createLogger, Shutdown, waitUntil } from '@pgfleet/kit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseSegmentName } from '../history/wal-segment.ts';
import { openGround } from '../open-ground.ts';
import type { Ground } from '../open-ground.ts';
import {
  openTestHost,
  postmasters,
  queryValue,
  startTenant,
  testDirectory,
  testOptions,
} from '../test-host.ts';
import { HistoryKeeper } from './history-keeper.ts';

const region = 'aws-us-east-2';
const MINUTE_MS = 60_000;
const never = new AbortController().signal;
const lines: string[] = [];
const log = createLogger({
  process: 'host',
  level: 'info',
  destination: { write: (line) => void lines.push(line) },
});
const driver = { volume: 'auto', log } as const;

let directory: Awaited<ReturnType<typeof testDirectory>>;
let parent: TimelineSpec;
let endpoint: EndpointSpec;
let branches: readonly TimelineSpec[];
beforeEach(async () => {
  lines.length = 0;
  directory = await testDirectory();
  await using opened = await openTestHost(directory.path, driver);
  const { host } = opened;
  const tenant = await startTenant(host);
  ({ timeline: parent, endpoint } = tenant);
  await queryValue(tenant.socketPath, `CREATE TABLE notes AS SELECT 'before' AS text`);
  // Enough for a point of history of its own: data that is cloned late is that of one.
  await queryValue(
    tenant.socketPath,
    `SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1048576)))
      FROM generate_series(1, 20)`,
  );
  await host.suspend(tenant.endpointId);
  const isFrozen = async () => (await host.timeline(parent.timelineId)).points > 1;
  await waitUntil(isFrozen, { what: 'a point of history', timeoutMs: 30_000 });
  const { socketPath } = await host.start(tenant.endpointId);
  const { at } = await host.resolvePoint(parent.timelineId, { kind: 'head' });
  await queryValue(socketPath, `UPDATE notes SET text = 'later'`);
  branches = [1, 2].map(() => ({
    ...parent,
    branchId: newBranchId(region),
    timelineId: newTimelineId(),
    source: { kind: 'timeline', timelineId: parent.timelineId, at },
    initial: { roles: [], databases: [] },
  }));
  for (const branch of branches) await host.putTimeline(branch);
});
afterEach(async () => {
  vi.useRealTimers();
  await directory[Symbol.asyncDispose]();
});

/** The host's ground without what runs on it, which nothing tidies up but the test. */
async function onGround(work: (ground: Ground) => Promise<void>): Promise<void> {
  const shutdown = new Shutdown(log);
  try {
    await work(await openGround({ ...testOptions(directory.path), ...driver }, shutdown));
  } finally {
    vi.useRealTimers();
    expect(await shutdown.run()).toBe(true);
  }
}

async function tidyUpIn(minutes: number, ground: Ground): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + minutes * MINUTE_MS });
  await using keeper = new HistoryKeeper(ground);
  await keeper.tidyUp();
}

async function notesOf({ branchId, timelineId }: TimelineSpec): Promise<unknown> {
  await using opened = await openTestHost(directory.path, driver);
  const spec = { ...endpoint, branchId, timelineId, endpointId: newEndpointId(region) };
  await opened.host.putEndpoint(spec);
  const { socketPath } = await opened.host.start(spec.endpointId);
  return await queryValue(socketPath, 'SELECT text FROM notes');
}

const pending = ({ timelines }: Ground): readonly TimelineId[] =>
  branches.map(({ timelineId }) => timelineId).filter((id) => timelines.isPending(id));

test('a branch that nobody opens is recovered after a while, and then needs nothing of its parent', async (context) => {
  await onGround(async (ground) => {
    context.skip(!ground.volume.copyOnWrite, 'a volume that copies leaves no recovery');
    const { timelines, histories, loans } = ground;
    await tidyUpIn(9, ground);
    expect(pending(ground)).toHaveLength(2);
    await tidyUpIn(2, ground);
    expect(pending(ground)).toEqual([]);
    await tidyUpIn(11, ground);
    for (const { timelineId } of branches) {
      expect((await histories.get(timelineId)).points).toEqual([]);
      expect(postmasters(directory.path, timelineId)).toEqual([]);
    }
    const { points } = await histories.get(parent.timelineId);
    for (const { tree } of points) expect(await loans.borrowers(tree)).toEqual([]);
    await timelines.delete(parent.timelineId, async () => undefined);
  });
  expect(await notesOf(branches[0]!)).toBe('before');
});

test('a launch does not wait for a branch to be recovered for nobody', async (context) => {
  const [{ timelineId }] = branches as readonly [TimelineSpec];
  await onGround(async (ground) => {
    context.skip(!ground.volume.copyOnWrite, 'a volume that copies leaves no recovery');
    const tidying = tidyUpIn(11, ground);
    const isAtWork = () => postmasters(directory.path, timelineId).length > 0;
    await waitUntil(isAtWork, { what: 'a recovery', timeoutMs: 40_000, intervalMs: 1 });
    await ground.claims.enter(timelineId, endpoint.endpointId, never);
    expect(pending(ground)).toContain(timelineId);
    ground.claims.release(timelineId, endpoint.endpointId);
    await tidying;
  });
  expect(await notesOf(branches[0]!)).toBe('before');
  expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});

test('a branch that turns out to be damaged is told once, and keeps no other from being recovered', async (context) => {
  const [{ timelineId }] = branches as readonly [TimelineSpec];
  await onGround(async (ground) => {
    context.skip(!ground.volume.copyOnWrite, 'a volume that copies leaves no recovery');
    const { volume, timelines } = ground;
    await timelines.delete(parent.timelineId, async () => undefined);
    const wal = join(volume.path(timelineId), 'pg_wal');
    const segments = readdirSync(wal).filter((name) => parseSegmentName(name));
    expect(segments).not.toEqual([]);
    for (const name of segments) writeFileSync(join(wal, name), Buffer.alloc(16 * 1024 * 1024));
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * MINUTE_MS });
    await using keeper = new HistoryKeeper(ground);
    for (let round = 0; round < 2; round++) await keeper.tidyUp();
    expect(pending(ground)).toEqual([timelineId]);
  });
  const told = lines.filter((line) => line.includes('a copy cannot be recovered'));
  expect(told).toHaveLength(1);
});
