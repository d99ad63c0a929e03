import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IdleClock } from './idle-clock.ts';

const onIdle = vi.fn<() => void>();

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => {
  vi.useRealTimers();
  onIdle.mockReset();
});

test('activity puts the end off, counted from when it happened', () => {
  const clock = new IdleClock(onIdle);
  clock.start(1000);
  vi.advanceTimersByTime(900);
  clock.touch(100);
  vi.advanceTimersByTime(899);
  expect(onIdle).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2);
  expect(onIdle).toHaveBeenCalledTimes(1);
});

test('any amount of activity costs one timer, and a stopped clock none', () => {
  const clock = new IdleClock(onIdle);
  clock.start(1000);
  for (let count = 0; count < 100; count++) clock.touch();
  expect(vi.getTimerCount()).toBe(1);
  clock.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('an infinite timeout never ends, and one of months is not cut short', () => {
  const clock = new IdleClock(onIdle);
  clock.start(Number.POSITIVE_INFINITY);
  expect(vi.getTimerCount()).toBe(0);
  const ninetyDays = 90 * 86_400_000;
  clock.setTimeout(ninetyDays);
  vi.advanceTimersByTime(ninetyDays - 10);
  expect(onIdle).not.toHaveBeenCalled();
  vi.advanceTimersByTime(20);
  expect(onIdle).toHaveBeenCalledTimes(1);
});
