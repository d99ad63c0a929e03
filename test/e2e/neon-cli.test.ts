import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hasPsql, psql, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const command = join(import.meta.dirname, '../../node_modules/neon/dist/cli.js');

let platform: Platform;
let home: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'pgfleet-neon-'));
  platform = await startPlatform();
});
afterAll(async () => {
  rmSync(home, { recursive: true });
  await platform[Symbol.asyncDispose]();
});

/** Runs Neon's own command against the platform and returns what it printed. */
async function neon(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    [command, ...args, '--no-analytics', '--config-dir', join(home, 'config')],
    {
      cwd: home,
      timeout: 60_000,
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        CI: '1',
        NEON_API_HOST: `${platform.apiUrl}/api/v2`,
        NEON_API_KEY: platform.adminKey,
      },
    },
  );
  return stdout.trim();
}

interface CreatedByCommand {
  readonly project: { readonly id: string; readonly name: string };
  readonly connection_uris: readonly { readonly connection_uri: string }[];
}

test('the neon command creates, lists, gets and deletes projects', async () => {
  const text = await neon('projects', 'create', '--name', 'by-cli', '--output', 'json');
  const { project } = JSON.parse(text) as CreatedByCommand;
  expect(project.name).toBe('by-cli');

  const list = JSON.parse(await neon('projects', 'list', '--output', 'json')) as
    | readonly { id: string }[]
    | { projects: readonly { id: string }[] };
  const listed = 'projects' in list ? list.projects : list;
  expect(listed.map(({ id }) => id)).toContain(project.id);

  const got = JSON.parse(await neon('projects', 'get', project.id, '--output', 'json')) as {
    id: string;
  };
  expect(got.id).toBe(project.id);

  await neon('projects', 'delete', project.id, '--output', 'json');
  await expect(neon('projects', 'get', project.id)).rejects.toThrow(/not found/i);
});

test.skipIf(!hasPsql)('what neon connection-string prints works in psql', async () => {
  const created = JSON.parse(
    await neon('projects', 'create', '--name', 'with-string', '--output', 'json'),
  ) as CreatedByCommand;
  const uri = await neon('connection-string', '--project-id', created.project.id);
  // The command leaves the port out, and Debian resolves no names below localhost.
  const address = { PGHOSTADDR: '127.0.0.1', PGPORT: String(platform.pgPort) };
  expect(await psql(uri, 'select 40 + 2', address)).toMatchObject({ code: 0, stdout: '42' });
});
