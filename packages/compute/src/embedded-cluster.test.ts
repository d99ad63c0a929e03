import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isLocked } from '@pgfleet/kit';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { detectSandbox } from './detect-sandbox.ts';
import { EmbeddedCluster, type EmbeddedClusterOptions } from './embedded-cluster.ts';
import { findInstallations } from './installation.ts';
import { ensureInstallationView } from './installation-view.ts';
import { currentOwner } from './owner.ts';

let base: string;
let options: EmbeddedClusterOptions;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'pgfleet-'));
  await chmod(base, 0o755);
  const [installation] = await findInstallations();
  const view = await ensureInstallationView(installation!, join(base, 'views'));
  const sandbox = await detectSandbox({ view, directory: base });
  const owner = currentOwner().uid === 0 ? { owner: { uid: 61_235, gid: 61_235 } } : {};
  options = { view, sandbox, directory: join(base, 'cluster'), ...owner };
});
afterAll(() => rm(base, { recursive: true }));

test('a cluster is made once, adopted while it runs, and started again after a stop', async () => {
  const first = await EmbeddedCluster.open(options);
  await query(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const second = await EmbeddedCluster.open(options);
  expect(await query(second, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  await second.stop();
  await first.exited;
  expect(isLocked(join(options.directory, 'lock'))).toBe(false);
  const third = await EmbeddedCluster.open(options);
  expect(await query(third, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  await third.stop();
});

test.each(['uid', 'none'] as const)('a cluster works in sandbox level %s', async (level) => {
  const sandbox = { level };
  const cluster = await EmbeddedCluster.open({ ...options, sandbox, directory: join(base, level) });
  expect(await query(cluster, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await cluster.stop();
});

async function query(cluster: EmbeddedCluster, sql: string): Promise<unknown> {
  const client = new Client(cluster.connection);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
