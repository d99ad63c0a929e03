import { spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { waitUntil } from '@pgfleet/kit';
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

test.skipIf(!support.cpu)('a group gets its part of a busy processor by its weight', async () => {
  await using heavy = await busyGroup('heavy', 3);
  await using light = await busyGroup('light', 1);
  await waitUntil(() => light.cpuTicks() > 50, { what: 'both to be busy', timeoutMs: 20_000 });
  const ratio = heavy.cpuTicks() / light.cpuTicks();
  expect(ratio).toBeGreaterThan(1.5);
});

test.skipIf(!support.memory)(
  'a memory limit below what is in use ends nothing, and holds once the memory is given back',
  async () => {
    const group = LimitGroup.open(`${name}-memory`, support);
    const program = `
      let kept;
      process.on('SIGUSR2', () => { kept = undefined; globalThis.gc(); console.log('given back'); });
      process.stdin.on('data', () => {
        kept = Buffer.alloc(200 * 1024 * 1024, 1);
        console.log('used');
      });`;
    const child = spawn(process.execPath, ['--expose-gc', '-e', program]);
    await once(child, 'spawn');
    const said = async (text: string) => {
      for await (const [chunk] of on(child.stdout, 'data'))
        if (String(chunk).includes(text)) return;
    };
    try {
      await group.add(child.pid!);
      child.stdin.write('use it\n');
      await said('used');
      expect(group.set({ memoryBytes: 1024 * 1024 * 1024 })).toBe(true);
      const hasSwap = !/SwapTotal: +0 kB/.test(readFileSync('/proc/meminfo', 'utf8'));
      expect(group.set({ memoryBytes: 100 * 1024 * 1024, cpus: 1 })).toBe(hasSwap);
      expect(child.exitCode ?? child.signalCode).toBeNull();
      const limits = { memoryBytes: 120 * 1024 * 1024 };
      child.kill('SIGUSR2');
      await said('given back');
      await waitUntil(() => group.set(limits), { what: 'the limit', timeoutMs: 20_000 });
      expect(child.exitCode ?? child.signalCode).toBeNull();
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      group.remove();
    }
  },
);

// On the first processor, so that the two share one.
async function busyGroup(suffix: string, cpuWeight: number) {
  const group = LimitGroup.open(`${name}-${suffix}`, support);
  const loop = [process.execPath, '-e', 'for (;;);'];
  const child = spawn('taskset', ['--cpu-list', '0', ...loop], { stdio: 'ignore' });
  await once(child, 'spawn');
  await group.add(child.pid!);
  group.set({ cpuWeight });
  return {
    // utime of proc_pid_stat(5), in hundredths of a second.
    cpuTicks: () => Number(readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[13]),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await waitUntil(() => hasLeft(group), { what: 'the group to be empty', timeoutMs: 5_000 });
    },
  };
}

function hasLeft(group: LimitGroup): boolean {
  try {
    group.remove();
    return true;
  } catch {
    return false;
  }
}
