import { silentLogger, waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import type { Service } from './service.ts';
import { SupervisedService } from './supervised-service.ts';

interface Life {
  die(how: string): void;
  stopped: boolean;
}

function mortalService(): { service: Service; lives: Life[] } {
  const lives: Life[] = [];
  const service: Service = {
    name: 'mortal',
    logPath: '/nowhere/mortal.log',
    start: () => {
      let die!: (how: string) => void;
      const exited = new Promise<string>((resolve) => (die = resolve));
      const life: Life = { die, stopped: false };
      lives.push(life);
      const stop = () => {
        life.stopped = true;
        die('exit code 0');
        return Promise.resolve();
      };
      return Promise.resolve({ exited, stop });
    },
  };
  return { service, lives };
}

test('a service that dies is started again, and stopped once', async () => {
  const { service, lives } = mortalService();
  const supervised = new SupervisedService({ service, log: silentLogger(), onGiveUp: () => {} });
  await supervised.start();
  lives[0]!.die('signal SIGKILL');
  await waitUntil(() => lives.length === 2, { what: 'the restart', timeoutMs: 5_000 });
  await supervised.stop(1_000);
  expect(lives.map((life) => life.stopped)).toEqual([false, true]);
});

test('a service that cannot start is given up with its last reason', async () => {
  const service: Service = {
    name: 'broken',
    logPath: '/nowhere/broken.log',
    start: () => Promise.reject(new Error('exit code 1')),
  };
  const givenUp: string[] = [];
  const supervised = new SupervisedService({
    service,
    log: silentLogger(),
    onGiveUp: (error) => givenUp.push(error.message),
  });
  await expect(supervised.start()).rejects.toThrow(
    'broken died 3 times (exit code 1): see /nowhere/broken.log',
  );
  expect(givenUp).toHaveLength(1);
});
