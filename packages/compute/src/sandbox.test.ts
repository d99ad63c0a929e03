import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { detectSandbox } from './detect-sandbox.ts';
import { Fixture } from './fixture.ts';
import { currentOwner } from './owner.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.open(17);
});
afterAll(() => fixture[Symbol.asyncDispose]());

const canSandbox = process.platform === 'linux';

describe.skipIf(!canSandbox)('an instance in bubblewrap', () => {
  test('sees no file, process, network or privilege of the machine', async () => {
    if (fixture.sandbox.level !== 'bwrap') return;
    const place = await fixture.clone();
    const instance = await fixture.start(place);
    await using admin = await fixture.connect(place);
    const list = async (directory: string) =>
      (await admin.query<{ name: string }>(`SELECT pg_ls_dir('${directory}') AS name`))
        .map(({ name }) => name)
        .sort();
    const read = async (path: string) =>
      (await admin.query<{ text: string }>(`SELECT pg_read_file('${path}', 0, 4000) AS text`))[0]!
        .text;

    expect(await list('/')).toEqual(
      expect.arrayContaining([
        'data',
        'dev',
        'etc',
        'lib',
        'postgres',
        'proc',
        'run',
        'tmp',
        'usr',
      ]),
    );
    expect(await list('/')).not.toContain('home');
    expect(await list('/etc')).toEqual(['hosts', 'nsswitch.conf', 'passwd']);
    expect((await read('/etc/passwd')).split('\n')).toHaveLength(2);
    expect((await list('/usr/bin')).sort()).toEqual(['setpriv', 'sh']);
    const own = (await admin.query<{ pid: number }>('SELECT pid FROM pg_stat_activity')).length;
    const pids = (await list('/proc')).filter((name) => /^\d+$/.test(name));
    expect(pids.length).toBeLessThanOrEqual(own + 2);
    expect((await read('/proc/net/dev')).trim().split('\n').slice(2)).toHaveLength(1);
    const status = await read('/proc/self/status');
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    await admin[Symbol.asyncDispose]();
    await instance.stop();
  });
});

test('every level that is weaker than the best one is probed and explained', () => {
  const { level, probes } = fixture.sandbox;
  expect(probes.map((probe) => probe.level)).toEqual(['bwrap', 'unshare', 'uid', 'none']);
  expect(probes.find(({ works }) => works)?.level).toBe(level);
  for (const probe of probes) expect(probe.works || probe.advice).toBeTruthy();
});

test.skipIf(currentOwner().uid !== 0 || !canSandbox)(
  'under root a directory that nobody else may enter rules out the levels that need to',
  async () => {
    await using closed = await closedDirectory();
    const sandbox = await detectSandbox({ view: fixture.view, directory: closed.path });
    const works = Object.fromEntries(sandbox.probes.map((probe) => [probe.level, probe.works]));
    expect(works).toMatchObject({ uid: false, none: false });
    expect(sandbox.probes.find(({ level }) => level === 'uid')?.advice).toContain('o+x');

    const place = await fixture.clone(closed.path);
    const instance = await fixture.start(place, { level: sandbox.level });
    await expect(instance.stop()).resolves.toEqual({ clean: true });
  },
);

async function closedDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const parent = await mkdtemp(join(tmpdir(), 'pgfleet-'));
  const path = join(parent, 'below');
  await mkdir(path);
  await chmod(parent, 0o700);
  return { path, [Symbol.asyncDispose]: () => rm(parent, { recursive: true }) };
}
