import { silentLogger, waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { Sweeper } from './sweeper.ts';

const soon = { timeoutMs: 10_000 };

test('a chore is done at once and again, also after it failed, and does not hold up another', async () => {
  const done = { failing: 0, stuck: 0 };
  const chores = [
    {
      name: 'failing',
      everyMs: 1,
      run: async () => {
        done.failing += 1;
        throw new Error('not this time');
      },
    },
    {
      name: 'stuck',
      everyMs: 1,
      run: (signal: AbortSignal) => {
        done.stuck += 1;
        return new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    },
  ];
  {
    await using _sweeper = new Sweeper(chores, silentLogger());
    await waitUntil(() => done.failing > 2, { what: 'a third turn', ...soon });
  }
  expect(done.stuck).toBe(1);
  const { failing } = done;
  await new Promise((resolve) => setImmediate(resolve));
  expect(done.failing).toBe(failing);
});
