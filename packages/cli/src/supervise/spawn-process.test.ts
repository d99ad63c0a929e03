import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSameProcess, silentLogger, waitUntil } from '@pgfleet/kit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProcessRecords } from './process-records.ts';
import { spawnProcess } from './spawn-process.ts';
import { endProcesses, takeOver } from './take-over.ts';

let directory: string;
let records: ProcessRecords;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgfleet-spawn-'));
  records = ProcessRecords.open(join(directory, 'processes.json'));
});
afterEach(async () => {
  await endProcesses(records.living());
  rmSync(directory, { recursive: true });
});

const never = new AbortController().signal;
const READY = `process.send('ready', () => process.disconnect()); setInterval(() => {}, 1000);`;
const STUBBORN = `process.on('SIGTERM', () => {}); ${READY}`;
const DRAINING = `process.on('SIGUSR2', () => console.log('draining')); ${READY}`;

function plan(name: string, program: string) {
  const modulePath = join(directory, `${name}.cjs`);
  writeFileSync(modulePath, program);
  const env = { PGFLEET_DATA_DIR: directory };
  return { name, modulePath, env, logPath: logOf(name) };
}

const logOf = (name: string) => join(directory, `${name}.log`);

test('a process is recorded as long as it lives', async () => {
  const running = await spawnProcess(plan('control', READY), records, never);
  expect(records.living().map(({ name }) => name)).toEqual(['control']);
  await running.stop(5_000);
  expect(await running.exited).toBe('signal SIGTERM');
  expect(records.living()).toEqual([]);
});

test('a process that ignores SIGTERM is killed after its time', async () => {
  const running = await spawnProcess(plan('control', STUBBORN), records, never);
  await running.stop(50);
  expect(await running.exited).toBe('signal SIGKILL');
});

test('a process that ends before it is ready is told with its exit code and its log', async () => {
  const broken = plan('control', `console.error('no luck'); process.exit(3);`);
  await expect(spawnProcess(broken, records, never)).rejects.toThrow('exit code 3');
  expect(readFileSync(logOf('control'), 'utf8')).toBe('no luck\n');
});

test('a start that is called off leaves nothing', async () => {
  const stop = new AbortController();
  const starting = spawnProcess(
    plan('control', 'setInterval(() => {}, 1000);'),
    records,
    stop.signal,
  );
  stop.abort(new Error('called off'));
  await expect(starting).rejects.toThrow('called off');
  expect(records.living()).toEqual([]);
});

test('orphans are taken over: hosts and control are killed, proxies drain', async () => {
  for (const name of ['control', 'host-x'])
    await spawnProcess(plan(name, STUBBORN), records, never);
  await spawnProcess(plan('proxy-0', DRAINING), records, never);
  const orphans = records.living();

  const afterCrash = ProcessRecords.open(join(directory, 'processes.json'));
  const draining = await takeOver(afterCrash, directory, silentLogger());

  expect(orphans.filter(isSameProcess).map(({ name }) => name)).toEqual(['proxy-0']);
  expect(draining).toMatchObject([{ name: 'proxy-0', draining: true }]);
  await waitUntil(() => readFileSync(logOf('proxy-0'), 'utf8') === 'draining\n', {
    what: 'the proxy to drain',
    timeoutMs: 5_000,
  });
  await endProcesses(draining);
  expect(afterCrash.living()).toEqual([]);
});

test.runIf(process.platform === 'linux')('an orphan that no record names is found', async () => {
  await spawnProcess(plan('host-x', STUBBORN), records, never);
  const [orphan] = records.living();
  const forgetful = ProcessRecords.open(join(directory, 'nothing.json'));
  await takeOver(forgetful, directory, silentLogger());
  expect(isSameProcess(orphan!)).toBe(false);
});
