import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { detectLimits, LimitGroup } from './limits.ts';

const support = detectLimits();
const name = `test-${process.pid}`;

test('what cannot be enforced is said, with advice', () => {
  const all = support.cpu && support.memory && support.pids;
  expect(all || support.advice).toBeTruthy();
});

test('a process and its children are put under limits that change while they run', async () => {
  const group = LimitGroup.open(name, support);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  try {
    await group.add(child.pid!);
    expect(group.set({ cpus: 0.25, memoryBytes: 256 * 1024 * 1024, pids: 50 })).toBe(true);
    expect(group.set({ cpus: 2 })).toBe(true);
    const isMember = readFileSync(`/proc/${child.pid}/cgroup`, 'utf8').includes(`/pgfleet/${name}`);
    expect(isMember).toBe(support.version !== 'none');
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    group.remove();
    group.remove();
  }
});

test.skipIf(!support.memory)('a memory limit below what is in use is refused, not enforced', () => {
  const group = LimitGroup.open(`${name}-memory`, support);
  expect(group.set({ memoryBytes: 1024 * 1024 * 1024 })).toBe(true);
  group.remove();
});
