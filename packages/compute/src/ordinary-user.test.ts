import { accessSync, constants } from 'node:fs';
import { setgid, setgroups, setuid } from 'node:process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasCleanShutdown } from './control-file.ts';
import { Fixture } from './fixture.ts';
import { findLockHolders } from './process-tree.ts';
import { sandboxLevels } from './sandbox.ts';
import { createTemplate } from './template.ts';

const STRANGER = 61_236;

// Each test file has a process of its own, so this one can give up being root for good.
const isReachable = becomeOrdinary();

describe.skipIf(!isReachable)('as an ordinary user without a name', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await Fixture.open(17);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test.each(sandboxLevels)('an instance starts, answers and stops at level %s', async (level) => {
    const probe = fixture.sandbox.probes.find((candidate) => candidate.level === level);
    if (!probe?.works) return;
    const place = await fixture.clone();
    const instance = await fixture.start(place, { level });
    await using admin = await fixture.connect(place);
    expect(await admin.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await admin[Symbol.asyncDispose]();
    await expect(instance.stop()).resolves.toEqual({ clean: true });
    expect(findLockHolders(place.lockPath)).toEqual([]);
  });

  test.each(sandboxLevels)('a template is made at level %s', async (level) => {
    const probe = fixture.sandbox.probes.find((candidate) => candidate.level === level);
    if (!probe?.works) return;
    const directory = join(fixture.directory, `template-${level}`);
    await createTemplate({ view: fixture.view, sandbox: { level }, directory });
    expect(wasCleanShutdown(directory)).toBe(true);
  });

  test('changing to a user of its own is explained to be for root only', () => {
    const probe = fixture.sandbox.probes.find(({ level }) => level === 'uid');
    expect(probe).toMatchObject({ works: false, advice: expect.stringContaining('root') });
  });
});

/** Says whether the checkout can be read after root's rights are gone. */
function becomeOrdinary(): boolean {
  if (process.getuid?.() !== 0) return true;
  setgroups!([]);
  setgid!(STRANGER);
  setuid!(STRANGER);
  try {
    accessSync(fileURLToPath(import.meta.url), constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
