import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { identifyProcess, isSameProcess, signalProcess } from './process-identity.ts';

test('a process is itself until it ends, and never its successor', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const identity = identifyProcess(child.pid!)!;
  expect(isSameProcess(identity)).toBe(true);
  expect(isSameProcess({ ...identity, startTime: '1' })).toBe(false);
  expect(isSameProcess({ ...identity, bootId: 'another' })).toBe(false);
  expect(signalProcess(identity, 'SIGKILL')).toBe(true);
  await once(child, 'exit');
  expect(isSameProcess(identity)).toBe(false);
  expect(signalProcess(identity, 'SIGKILL')).toBe(false);
});
