import { hasPsql, psql, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NeonCommand } from './neon-command.ts';

let platform: Platform;
let neon: NeonCommand;
beforeAll(async () => {
  platform = await startPlatform();
  neon = new NeonCommand(platform);
});
afterAll(async () => {
  neon[Symbol.dispose]();
  await platform[Symbol.asyncDispose]();
});

interface CreatedByCommand {
  readonly project: { readonly id: string; readonly name: string };
  readonly connection_uris: readonly { readonly connection_uri: string }[];
}

test('the neon command creates, lists, gets and deletes projects', async () => {
  const { project } = await neon.json<CreatedByCommand>('projects', 'create', '--name', 'by-cli');
  expect(project.name).toBe('by-cli');

  const list = await neon.json<readonly { id: string }[] | { projects: readonly { id: string }[] }>(
    'projects',
    'list',
  );
  const listed = 'projects' in list ? list.projects : list;
  expect(listed.map(({ id }) => id)).toContain(project.id);

  const got = await neon.json<{ id: string }>('projects', 'get', project.id);
  expect(got.id).toBe(project.id);

  await neon.run('projects', 'delete', project.id);
  await expect(neon.run('projects', 'get', project.id)).rejects.toThrow(/not found/i);
});

test.skipIf(!hasPsql)('what neon connection-string prints works in psql', async () => {
  const created = await neon.json<CreatedByCommand>('projects', 'create', '--name', 'with-string');
  const uri = await neon.run('connection-string', '--project-id', created.project.id);
  // The command leaves the port out, and Debian resolves no names below localhost.
  const address = { PGHOSTADDR: '127.0.0.1', PGPORT: String(platform.pgPort) };
  expect(await psql(uri, 'select 40 + 2', address)).toMatchObject({ code: 0, stdout: '42' });
});
