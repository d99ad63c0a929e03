import { newTimelineId } from '@pgfleet/contract';
import type { TimelineId } from '@pgfleet/contract';
import { Shutdown } from '@pgfleet/kit';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openGround } from '../open-ground.ts';
import type { Ground } from '../open-ground.ts';
import { newTenant, testDirectory, testOptions } from '../test-host.ts';
import { captureRestingPoint } from './capture-point.ts';
import { HistoryKeeper } from './history-keeper.ts';
import { sweepHistory } from './sweep-history.ts';

const never = new AbortController().signal;
const MINUTE_MS = 60_000;
let directory: Awaited<ReturnType<typeof testDirectory>>;
let shutdown: Shutdown;
let ground: Ground;
let source: ReturnType<typeof newTenant>['timeline'];
beforeAll(async () => {
  directory = await testDirectory();
  const options = testOptions(directory.path);
  shutdown = new Shutdown(options.log);
  ground = await openGround(options, shutdown);
  source = newTenant().timeline;
  await ground.timelines.put(source);
  await copy(source.timelineId);
});
afterEach(() => vi.useRealTimers());
afterAll(async () => {
  if (!(await shutdown.run())) throw new Error('the host did not stop cleanly');
  await directory[Symbol.asyncDispose]();
});

async function copy(from: TimelineId): Promise<TimelineId> {
  const timelineId = newTimelineId();
  const at = { kind: 'head' } as const;
  await ground.timelines.put({
    ...source,
    timelineId,
    source: { kind: 'timeline', timelineId: from, at },
    initial: { roles: [], databases: [] },
  });
  return timelineId;
}

/** Freezes the source, which is at rest, and copies it: the copy borrows what was frozen. */
async function lend(): Promise<{ readonly tree: string; readonly heir: TimelineId }> {
  const { timelineId } = source;
  const { rest } = await ground.histories.get(timelineId);
  await captureRestingPoint(ground, { timelineId, rest: rest! }, never);
  const heir = await copy(timelineId);
  const tree = (await ground.histories.get(timelineId)).points.at(-1)!.tree;
  expect(await trees(heir)).toEqual([tree]);
  expect(await ground.loans.borrowers(tree)).toEqual([heir]);
  return { tree, heir };
}

async function trees(timelineId: TimelineId): Promise<readonly string[]> {
  return (await ground.histories.get(timelineId)).points.map(({ tree }) => tree);
}

async function pass(minutes: number): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + minutes * MINUTE_MS });
  await using keeper = new HistoryKeeper(ground);
  await keeper.expireAll();
}

const prefix = (timelineId: TimelineId) => timelineId.replace('tl-', 'pt-');

test('a copy that does not run gives back what it borrowed, and begins with itself', async () => {
  const { tree, heir } = await lend();
  await pass(9);
  expect(await ground.loans.borrowers(tree)).toEqual([heir]);
  await pass(11);
  expect(await ground.loans.borrowers(tree)).toEqual([]);
  expect(await trees(heir)).toEqual([]);
  expect(await ground.volume.exists(tree)).toBe(true);
});

test('who has borrowed a point gets one of its own when its owner lets go of it', async () => {
  const { tree, heir } = await lend();
  const grandchild = await copy(heir);
  expect((await ground.loans.borrowers(tree)).toSorted()).toEqual([heir, grandchild].toSorted());
  await captureAgain();
  await ground.timelines.put({ ...source, historyRetentionSeconds: 0 });
  await using keeper = new HistoryKeeper(ground);
  await keeper.expireAll();
  expect(await ground.volume.exists(tree)).toBe(false);
  expect(await ground.loans.borrowers(tree)).toEqual([]);
  for (const borrower of [heir, grandchild]) {
    const [own = ''] = await trees(borrower);
    expect(own).toContain(prefix(borrower));
    expect(await ground.volume.exists(own)).toBe(true);
  }
  await ground.timelines.put(source);
});

async function captureAgain(): Promise<void> {
  const { timelineId } = source;
  const { rest } = await ground.histories.get(timelineId);
  await captureRestingPoint(ground, { timelineId, rest: rest! }, never);
}

test('a borrowed point outlives its owner, also when the host was killed in between', async () => {
  const { tree, heir } = await lend();
  // What a crash leaves of an owner that has just forgotten its point.
  await ground.histories.update(source.timelineId, (history) => ({
    ...history,
    points: history.points.filter((point) => point.tree !== tree),
  }));
  await sweepHistory(ground);
  const [own = ''] = await trees(heir);
  expect(own).toContain(prefix(heir));
  expect(await ground.volume.exists(own)).toBe(true);
  expect(await ground.volume.exists(tree)).toBe(false);
});

test('a deleted copy gives back what it borrowed', async () => {
  const { tree, heir } = await lend();
  await ground.timelines.delete(heir, async () => undefined);
  expect(await ground.loans.borrowers(tree)).toEqual([]);
  expect(await ground.volume.exists(tree)).toBe(true);
});
