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
  await keeper.tidyUp();
}

test('a copy that does not run gives back what it borrowed, and begins with itself', async () => {
  const { tree, heir } = await lend();
  await pass(9);
  expect(await ground.loans.borrowers(tree)).toEqual([heir]);
  await pass(11);
  expect(await ground.loans.borrowers(tree)).toEqual([]);
  expect(await trees(heir)).toEqual([]);
  expect(await ground.volume.exists(tree)).toBe(true);
});

test('a point that its owner lets go of stays for those who borrowed it, until the last has', async () => {
  const { tree, heir } = await lend();
  const grandchild = await copy(heir);
  expect((await ground.loans.borrowers(tree)).toSorted()).toEqual([heir, grandchild].toSorted());
  await captureAgain();
  await ground.timelines.put({ ...source, historyRetentionSeconds: 0 });
  await using keeper = new HistoryKeeper(ground);
  await keeper.tidyUp();
  expect(await trees(source.timelineId)).not.toContain(tree);
  for (const borrower of [heir, grandchild]) {
    expect(await trees(borrower)).toEqual([tree]);
    expect(await ground.volume.exists(tree)).toBe(true);
    await ground.timelines.delete(borrower, async () => undefined);
  }
  expect(await ground.volume.exists(tree)).toBe(false);
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
  expect(await trees(heir)).toEqual([tree]);
  expect(await ground.volume.exists(tree)).toBe(true);
  await ground.timelines.delete(heir, async () => undefined);
  expect(await ground.volume.exists(tree)).toBe(false);
});

test('a loan whose borrower a crash has kept from being made ends at the next start', async () => {
  const { tree, heir } = await lend();
  const unborn = newTimelineId();
  await ground.loans.lend(tree, unborn);
  await sweepHistory(ground);
  expect(await ground.loans.borrowers(tree)).toEqual([heir]);
});

test('a point outlives the timeline that it was taken of', async () => {
  const { timelineId: first } = source;
  const owner = await copy(first);
  const { born } = await ground.histories.get(owner);
  await captureRestingPoint(ground, { timelineId: owner, rest: born! }, never);
  const heir = await copy(owner);
  const [tree = ''] = await trees(heir);
  await ground.timelines.delete(owner, async () => undefined);
  expect(await ground.volume.exists(tree)).toBe(true);
  await sweepHistory(ground);
  const heirOfHeir = await copy(heir);
  expect(await trees(heirOfHeir)).toEqual([tree]);
  await ground.timelines.delete(heir, async () => undefined);
  await ground.timelines.delete(heirOfHeir, async () => undefined);
  expect(await ground.volume.exists(tree)).toBe(false);
});

test('a point can be lent while the last one who had it gives it back', async () => {
  const { loans } = ground;
  const [before, after] = [newTimelineId(), newTimelineId()];
  for (let round = 0; round < 50; round++) {
    await loans.lend('pt-any-0', before);
    await Promise.all([loans.lend('pt-any-0', after), loans.end('pt-any-0', before)]);
    expect(await loans.borrowers('pt-any-0')).toEqual([after]);
    await Promise.all([loans.end('pt-any-0', after), loans.lend('pt-any-0', before)]);
    expect(await loans.borrowers('pt-any-0')).toEqual([before]);
  }
  await loans.end('pt-any-0', before);
});

test('a deleted copy gives back what it borrowed', async () => {
  const { tree, heir } = await lend();
  await ground.timelines.delete(heir, async () => undefined);
  expect(await ground.loans.borrowers(tree)).toEqual([]);
  expect(await ground.volume.exists(tree)).toBe(true);
});
