import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FileLock } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adoptInstance } from './adopt-instance.ts';
import { Fixture } from './fixture.ts';
import type { InstanceRecord } from './instance.ts';
import { settingsFor } from './settings.ts';

const packageDirectory = fileURLToPath(new URL('..', import.meta.url));

// Runs in a process of its own, from compiled files: Node cannot read TypeScript before version 22.
const HOST_PROCESS = `
  const { startInstance } = await import(process.argv[1]);
  const { FileLock } = await import('@pgfleet/kit');
  const options = JSON.parse(process.argv[2]);
  const lock = FileLock.tryAcquire(options.lockPath);
  const outcome = lock ? (await startInstance({ ...options, lock })).record : 'refused';
  console.log(JSON.stringify(outcome));
  setInterval(() => {}, 1000);
`;

let fixture: Fixture;
beforeAll(async () => {
  await promisify(execFile)('npx', ['tsc', '-b', packageDirectory]);
  fixture = await Fixture.open(17);
});
afterAll(() => fixture[Symbol.asyncDispose]());

test('an instance serves on when its spawner is killed, and only its lock keeps others out', async () => {
  const place = await fixture.clone();
  const { view, sandbox, owner } = fixture;
  const settings = settingsFor({ major: 17, minCu: 0.25, maxCu: 0.25 });
  const options = { ...place, view, sandbox, owner, settings };
  const record = (await runHost(options)) as InstanceRecord;

  expect(FileLock.tryAcquire(place.lockPath)).toBeUndefined();
  expect(await runHost(options)).toBe('refused');
  {
    await using admin = await fixture.connect(place);
    expect(await admin.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  }
  const adopted = (await adoptInstance(place, record))!;
  expect(adopted.record).toEqual(record);
  await expect(adopted.stop()).resolves.toEqual({ clean: true });
  FileLock.tryAcquire(place.lockPath)!.release();
});

/** Starts an instance from another process, kills that process and says what it reported. */
async function runHost(options: object): Promise<unknown> {
  const entry = join(packageDirectory, 'dist', 'index.js');
  const args = ['--input-type=module', '-e', HOST_PROCESS, entry, JSON.stringify(options)];
  const host = spawn(process.execPath, args, {
    cwd: packageDirectory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(host.stdout), 'line')) as [string];
  host.kill('SIGKILL');
  await once(host, 'exit');
  return JSON.parse(line);
}
