import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { PostgresBuilds } from './postgres-builds.ts';

test('a version that is not installed is refused by name, with those that are', async () => {
  const builds = await PostgresBuilds.open(tmpdir());
  await expect(builds.view(13)).rejects.toMatchObject({
    code: 'postgres_version_missing',
    message: `Postgres 13 is not installed on this host (installed: ${builds.majors.join(', ')})`,
  });
});
