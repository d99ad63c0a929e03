import { Shutdown } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openGround } from '../open-ground.ts';
import type { Ground } from '../open-ground.ts';
import { schemaAt } from '../restore/schema-at.ts';
import { newTenant, testDirectory, testOptions } from '../test-host.ts';
import { timelineIssues } from './timeline-issues.ts';

const never = new AbortController().signal;
const database = 'neondb';
const { timeline } = newTenant();
const { timelineId } = timeline;
let directory: Awaited<ReturnType<typeof testDirectory>>;
let shutdown: Shutdown;
let ground: Ground;
beforeAll(async () => {
  directory = await testDirectory();
  const options = testOptions(directory.path);
  shutdown = new Shutdown(options.log);
  ground = await openGround(options, shutdown);
  await ground.timelines.put(timeline);
});
afterAll(async () => {
  if (!(await shutdown.run())) throw new Error('the host did not stop cleanly');
  await directory[Symbol.asyncDispose]();
});

/** Takes all places until it is disposed, and many that wait. */
function occupy(places: 'analyses' | 'dumps'): AsyncDisposable {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = Array.from({ length: 10 }, () => ground[places].run(() => over));
  return {
    [Symbol.asyncDispose]: async () => {
      end();
      await Promise.all(work);
    },
  };
}

test('analyses that take long keep no definitions from being read, and the other way round', async () => {
  const dump = () =>
    schemaAt(ground, timelineId, { database, at: { kind: 'head' }, signal: never });
  const analysis = () => timelineIssues(ground, timelineId, { database, signal: never });
  {
    await using _slow = occupy('analyses');
    expect((await dump()).sql).toContain('PostgreSQL database dump');
  }
  await using _slow = occupy('dumps');
  expect((await analysis()).issues).toEqual([]);
});
