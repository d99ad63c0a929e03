import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkSettings } from './check-settings.ts';
import { findInstallations } from './installation.ts';
import { Fixture } from './fixture.ts';
import { instanceSettings, type PostgresSettings } from './settings.ts';

const majors = (await findInstallations()).map(({ major }) => major);

describe.each(majors)('settings that Postgres %i is asked about', (major) => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await Fixture.open(major);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  type Place = Awaited<ReturnType<Fixture['clone']>>;

  async function check(place: Place, tenant: PostgresSettings, override: PostgresSettings = {}) {
    const { directory, view, sandbox, owner } = fixture;
    const before = readdirSync(directory);
    const settings = (asked: PostgresSettings) =>
      instanceSettings({ major, minCu: 0.25, maxCu: 0.25, override, tenant: asked });
    try {
      await checkSettings({
        view,
        sandbox,
        dataDirectory: place.dataDirectory,
        scratchDirectory: directory,
        ...(owner ? { owner } : {}),
        settings: settings(tenant),
        without: settings({}),
      });
    } finally {
      expect(readdirSync(directory)).toEqual(before);
    }
  }

  test('are refused by name when it would not start with them, while it sleeps and while it runs', async () => {
    const place = await fixture.clone();
    const refusals: readonly PostgresSettings[] = [
      { timezone: 'Nowhere/Atlantis' },
      { max_locks_per_transaction: 'many' },
      { no_such_setting: '1' },
      // Before version 15 it does not look at the cluster.
      ...(major >= 15 ? [{ min_wal_size: '2MB' }] : []),
    ];
    for (const isRunning of [false, true]) {
      if (isRunning) await fixture.start(place);
      await check(place, { work_mem: '8MB', max_locks_per_transaction: '80' });
      for (const refusal of refusals) {
        await expect(check(place, { work_mem: '8MB', ...refusal })).rejects.toMatchObject({
          code: 'settings_refused',
          message: `Postgres does not accept the value of ${Object.keys(refusal).join()}`,
        });
      }
    }
    await using connection = await fixture.connect(place);
    expect(await connection.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('are not refused for what is wrong without them', async () => {
    const place = await fixture.clone();
    const checked = check(place, { timezone: 'Nowhere/Atlantis' }, { autovacuum: 'perhaps' });
    await expect(checked).resolves.toBeUndefined();
  });
});
