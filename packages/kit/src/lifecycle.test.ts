import { expect, test } from 'vitest';
import { Shutdown } from './lifecycle.ts';
import { silentLogger } from './logger.ts';

test('phases run in reverse order and one that hangs or fails does not stop the rest', async () => {
  const ran: string[] = [];
  const shutdown = new Shutdown(silentLogger());
  const phase = (name: string, run: () => Promise<void>) =>
    shutdown.add({ name, limitMs: 50, run: () => (ran.push(name), run()) });
  phase('first', async () => {});
  phase('fails', () => Promise.reject(new Error('no')));
  phase('hangs', () => new Promise(() => {}));
  expect(await shutdown.run()).toBe(false);
  expect(ran).toEqual(['hangs', 'fails', 'first']);
});
