import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileLock, isLocked, retry } from '@pgfleet/kit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adoptInstance } from './adopt-instance.ts';
import { wasCleanShutdown } from './control-file.ts';
import { Fixture } from './fixture.ts';
import { Instance } from './instance.ts';
import { detectLimits, LimitGroup } from './limits.ts';
import { childPids, findLockHolders } from './process-tree.ts';
import { sandboxLevels } from './sandbox.ts';
import { settingsFor } from './settings.ts';
import { startInstance } from './start-instance.ts';

const support = detectLimits();

describe.each([17, 18])('an instance of Postgres %i', (major) => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await Fixture.open(major);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test('starts, answers, stops cleanly and leaves no process and no lock behind', async () => {
    const place = await fixture.clone();
    const instance = await fixture.start(place);
    expect(instance.isAlive()).toBe(true);
    expect(isLocked(place.lockPath)).toBe(true);
    {
      await using admin = await fixture.connect(place);
      const [row] = await admin.query<{ v: string }>('SHOW server_version_num');
      expect(row).toEqual({ server_version_num: expect.stringMatching(`^${major}`) });
    }
    expect(wasCleanShutdown(place.dataDirectory)).toBe(false);
    await expect(instance.stop()).resolves.toEqual({ clean: true });
    expect(instance.isAlive()).toBe(false);
    expect(isLocked(place.lockPath)).toBe(false);
    expect(findLockHolders(place.lockPath)).toEqual([]);
    expect(wasCleanShutdown(place.dataDirectory)).toBe(true);
  });

  test('recovers after kill -9, although a stale postmaster.pid says ready', async () => {
    const place = await fixture.clone();
    const first = await fixture.start(place);
    {
      await using admin = await fixture.connect(place);
      await admin.script(['CREATE TABLE public.kept AS SELECT 42 AS answer']);
    }
    process.kill(first.record.postmaster.pid, 'SIGKILL');
    await expect(first.exited).resolves.toEqual({ clean: false });
    expect(readFileSync(join(place.dataDirectory, 'postmaster.pid'), 'utf8')).toContain('ready');
    const second = await fixture.start(place);
    await using admin = await fixture.connect(place);
    expect(await admin.query('SELECT answer FROM public.kept')).toEqual([{ answer: 42 }]);
    await admin[Symbol.asyncDispose]();
    await second.stop();
  });

  test('keeps the lock of its timeline from everybody else', async () => {
    const place = await fixture.clone();
    const instance = await fixture.start(place);
    expect(FileLock.tryAcquire(place.lockPath)).toBeUndefined();
    await instance.stop();
    FileLock.tryAcquire(place.lockPath)!.release();
  });

  test('is not started a second time with the lock that it already has', async () => {
    const place = await fixture.clone();
    using lock = FileLock.tryAcquire(place.lockPath)!;
    const options = {
      ...place,
      lock,
      view: fixture.view,
      sandbox: fixture.sandbox,
      settings: settingsFor({ major, minCu: 0.25, maxCu: 0.25 }),
      ...(fixture.owner ? { owner: fixture.owner } : {}),
    };
    const instance = await startInstance(options);
    await expect(startInstance(options)).rejects.toMatchObject({ code: 'timeline_locked' });
    await instance.stop();
    const again = await startInstance(options);
    await again.stop();
  });

  test('that cannot start says why in the cause only, and leaves nothing behind', async () => {
    const place = await fixture.clone();
    await writeFile(join(place.dataDirectory, 'postgresql.conf'), 'no_such_setting = 1\n');
    const error = await fixture.start(place).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({
      code: 'instance_start_failed',
      message: 'postgres did not start',
    });
    expect((error as Error).cause).toMatchObject({
      message: expect.stringContaining('no_such_setting'),
    });
    expect(isLocked(place.lockPath)).toBe(false);
  });

  test('whose start is aborted at any moment leaves nothing behind', async () => {
    const place = await fixture.clone();
    using lock = FileLock.tryAcquire(place.lockPath)!;
    for (const delayMs of [0, 1, 2, 3, 4, 5, 6, 8, 10]) {
      const start = startInstance({
        ...place,
        lock,
        view: fixture.view,
        sandbox: fixture.sandbox,
        settings: settingsFor({ major, minCu: 0.25, maxCu: 0.25 }),
        signal: AbortSignal.timeout(delayMs),
        ...(fixture.owner ? { owner: fixture.owner } : {}),
      });
      await expect(start).rejects.toMatchObject({ name: 'TimeoutError' });
      expect(findLockHolders(place.lockPath)).toEqual([]);
    }
  });

  test('is adopted by its record, and its end is noticed by the adopter', async () => {
    const place = await fixture.clone();
    const { record } = await fixture.start(place);
    const adopted = (await adoptInstance(place, record))!;
    expect(adopted.record).toEqual(record);
    process.kill(record.postmaster.pid, 'SIGKILL');
    await expect(adopted.exited).resolves.toEqual({ clean: false });
    await expect(adoptInstance(place, record)).resolves.toBeUndefined();
  });

  test('is adopted by its record even when code inside it has given up its lock', async () => {
    const place = await fixture.clone();
    const lock = FileLock.tryAcquire(place.lockPath)!;
    const { view, sandbox, owner } = fixture;
    const { record } = await startInstance({
      ...place,
      ...(owner && { owner }),
      view,
      sandbox,
      lock,
      settings: settingsFor({ major, minCu: 0.25, maxCu: 0.25 }),
    });
    lock.release({ unlock: true });
    expect(isLocked(place.lockPath)).toBe(false);
    const adopted = (await adoptInstance(place, record))!;
    await expect(adopted.stop()).resolves.toEqual({ clean: true });
  });

  test('is found by its lock when the record is missing or of another life', async () => {
    const place = await fixture.clone();
    const { record } = await fixture.start(place);
    const found = (await adoptInstance(place))!;
    expect(found.record).toEqual(record);
    const stale = { ...record, postmaster: { ...record.postmaster, startTime: '1' } };
    const foundAgain = (await adoptInstance(place, stale))!;
    expect(foundAgain.record).toEqual(record);
    await expect(foundAgain.stop()).resolves.toEqual({ clean: true });
  });

  test.skipIf(process.platform !== 'linux')(
    'goes on when only the wrapper around it is killed',
    async () => {
      const place = await fixture.clone();
      const instance = await fixture.start(place);
      const wrapper = parentPid(instance.record.postmaster.pid);
      if (wrapper !== process.pid) process.kill(wrapper, 'SIGKILL');
      await using admin = await fixture.connect(place);
      expect(await admin.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(instance.isAlive()).toBe(true);
      await admin[Symbol.asyncDispose]();
      await expect(instance.stop()).resolves.toEqual({ clean: true });
    },
  );

  test('ends its busy backends too when the postmaster is killed without a namespace', async () => {
    const level = fixture.owner ? 'uid' : 'none';
    const place = await fixture.clone();
    const instance = await fixture.start(place, { level });
    const admin = await fixture.connect(place);
    const busy = admin
      .script(['DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$'])
      .catch((error: unknown) => error);
    expect(childPids(instance.record.postmaster.pid).length).toBeGreaterThan(0);
    process.kill(instance.record.postmaster.pid, 'SIGKILL');
    await expect(instance.exited).resolves.toEqual({ clean: false });
    expect(isLocked(place.lockPath)).toBe(false);
    await expect(busy).resolves.toBeInstanceOf(Error);
    await admin[Symbol.asyncDispose]();
  });

  test('escalates to a harder signal when a client does not leave in time', async () => {
    const place = await fixture.clone();
    const instance = await fixture.start(place);
    const admin = await fixture.connect(place);
    await expect(instance.stop('smart', { timeoutMs: 50 })).resolves.toEqual({ clean: false });
    await admin[Symbol.asyncDispose]();
  });

  test('stops cleanly though a process of it was left stopped', async () => {
    const place = await fixture.clone();
    const instance = await fixture.start(place);
    const [child] = childPids(instance.record.postmaster.pid);
    process.kill(child!, 'SIGSTOP');
    await expect(instance.stop('fast', { timeoutMs: 5_000 })).resolves.toEqual({ clean: true });
  });

  test.each(sandboxLevels)('starts and stops in sandbox level %s', async (level) => {
    if (!fixture.sandbox.probes.find((probe) => probe.level === level)?.works) return;
    const place = await fixture.clone();
    const instance = await fixture.start(place, { level });
    expect(instance).toBeInstanceOf(Instance);
    await using admin = await fixture.connect(place);
    expect(await admin.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await admin[Symbol.asyncDispose]();
    await expect(instance.stop()).resolves.toEqual({ clean: true });
    expect(findLockHolders(place.lockPath)).toEqual([]);
  });
});

test.skipIf(process.platform !== 'linux')(
  'a start that hung before Postgres is ended by whoever wants to adopt it',
  async () => {
    await using fixture = await Fixture.open(17);
    const place = await fixture.clone();
    const lock = FileLock.tryAcquire(place.lockPath)!;
    const hung = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
    const exit = once(hung, 'exit');
    await once(hung, 'spawn');
    lock.release();
    await expect(adoptInstance(place)).resolves.toBeUndefined();
    await exit;
  },
);

test.skipIf(!support.pids)('every process of an instance is under its limits', async () => {
  await using fixture = await Fixture.open(17);
  const place = await fixture.clone();
  const group = LimitGroup.open(`test-instance-${process.pid}`, support);
  group.set({ cpus: 1, memoryBytes: 1024 * 1024 * 1024, pids: 100 });
  const instance = await fixture.start(place, { limitGroup: group });
  await group.add(instance.record.postmaster.pid);
  const members = findLockHolders(place.lockPath).map((pid) =>
    readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/pgfleet/${group.name}`),
  );
  expect(members.length).toBeGreaterThan(3);
  expect(members).not.toContain(false);
  await instance.stop();
  // The kernel lets go of processes a moment after they are gone.
  await retry(async () => group.remove(), { attempts: 30, baseMs: 10, capMs: 100 });
});

function parentPid(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}
