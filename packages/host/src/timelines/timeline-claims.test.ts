import { newEndpointId, newTimelineId } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { TimelineClaims } from './timeline-claims.ts';

const region = 'aws-us-east-2';
const never = new AbortController().signal;

function setUp() {
  const claims = new TimelineClaims();
  const timelineId = newTimelineId();
  const endpointId = newEndpointId(region);
  const enter = () => claims.enter(timelineId, endpointId, never);
  return { claims, timelineId, endpointId, enter };
}

/** Work that lasts until it is told to end, or its signal aborts. */
function lasting() {
  let end = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = (signal: AbortSignal) =>
    Promise.race([
      over,
      new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
    ]);
  return { work, end: () => end() };
}

test('a launch interrupts work that yields and waits for work that does not', async () => {
  const { claims, timelineId, endpointId, enter } = setUp();
  const yielding = claims.atRest(timelineId, lasting().work, { yields: true });
  await Promise.all([expect(yielding).rejects.toMatchObject({ code: 'timeline_locked' }), enter()]);
  claims.release(timelineId, endpointId);
  const { work, end } = lasting();
  const visit = claims.atRest(timelineId, work);
  const launch = enter();
  expect(claims.isClaimed(timelineId)).toBe(false);
  end();
  await Promise.all([visit, launch]);
  expect(claims.isClaimed(timelineId)).toBe(true);
});

test('a launch that waits goes before work that came earlier and has not begun', async () => {
  const { claims, timelineId, enter } = setUp();
  const { work, end } = lasting();
  const first = claims.atRest(timelineId, work);
  const second = claims.atRest(timelineId, async () => 'begun');
  const launch = enter();
  end();
  await Promise.all([
    first,
    launch,
    expect(second).rejects.toMatchObject({ code: 'timeline_locked' }),
  ]);
});

test('work on one timeline is done one after the other', async () => {
  const { claims, timelineId } = setUp();
  let atOnce = 0;
  let most = 0;
  const visits = Array.from({ length: 5 }, () =>
    claims.atRest(timelineId, async () => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
    }),
  );
  await Promise.all(visits);
  expect(most).toBe(1);
});

test('whoever works on a timeline that is deleted, or on a host that stops, is sent away', async () => {
  const { claims, timelineId } = setUp();
  const visit = claims.atRest(timelineId, lasting().work);
  await Promise.all([
    expect(visit).rejects.toMatchObject({ code: 'timeline_not_found' }),
    claims.vacate(timelineId),
  ]);
  const next = claims.atRest(timelineId, lasting().work);
  await Promise.all([expect(next).rejects.toMatchObject({ code: 'unavailable' }), claims.close()]);
  await expect(claims.atRest(timelineId, async () => 1)).rejects.toMatchObject({
    code: 'unavailable',
  });
});
