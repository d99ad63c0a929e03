import { createApiClient } from '@neondatabase/api-client';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { NeonCommand } from './neon-command.ts';
import { watchedApi } from './watch-answers.ts';

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

interface Created {
  readonly project: { readonly id: string };
  readonly connection_uris: readonly { readonly connection_uri: string }[];
}

interface CreatedKey {
  readonly id: number;
  readonly key: string;
}

async function organizationId(): Promise<string> {
  const [organization] = await neon.json<readonly { id: string }[]>('orgs', 'list');
  return organization!.id;
}

test('the neon command says who one is and lists the projects of an organization', async () => {
  const { project } = await neon.json<Created>('projects', 'create', '--name', 'of-org');
  const me = await neon.json<{ login: string }>('me');
  expect(me.login).toBe('admin');
  const org = await organizationId();
  const listed = await neon.run('projects', 'list', '--org-id', org, '--output', 'json');
  expect(listed).toContain(project.id);
});

test('the neon command makes keys of organizations and projects, which open what they say', async () => {
  const org = await organizationId();
  const { project } = await neon.json<Created>('projects', 'create');
  const other = await neon.json<Created>('projects', 'create');
  const whole = await neon.json<CreatedKey>('api-keys', 'create', '--name', 'ci', '--org-id', org);
  using robot = new NeonCommand(platform, whole.key);
  expect(await robot.run('projects', 'list', '--output', 'json')).toContain(other.project.id);
  await expect(robot.run('me')).rejects.toThrow('not allowed for organization API keys');

  const scoped = await neon.json<CreatedKey>(
    'api-keys',
    'create',
    '--name',
    'one',
    '--project-id',
    project.id,
  );
  using one = new NeonCommand(platform, scoped.key);
  expect(await one.run('branches', 'list', '--project-id', project.id)).toContain('main');
  await expect(one.run('projects', 'get', other.project.id)).rejects.toThrow('scoped to');
  await expect(one.run('projects', 'delete', project.id)).rejects.toThrow('not allowed');

  const keys = await neon.json<readonly { id: number }[]>('api-keys', 'list', '--org-id', org);
  expect(keys.map(({ id }) => id)).toEqual([scoped.id, whole.id]);
  await neon.run('api-keys', 'revoke', String(scoped.id), '--org-id', org);
  await expect(one.run('projects', 'get', project.id)).rejects.toThrow();
});

test('the neon command recovers a deleted project, whose data is still there', async () => {
  const created = await neon.json<Created>('projects', 'create', '--name', 'recovered');
  const { id } = created.project;
  const uri = created.connection_uris[0]!.connection_uri;
  const before = await connectClient(uri);
  await before.query('create table kept as select 42 as answer');
  await before.end();
  await neon.run('projects', 'delete', id);
  await vi.waitUntil(() => isRefused(uri), { timeout: 20_000, interval: 100 });
  expect(await neon.run('projects', 'list', '--recoverable-only')).toContain(id);
  await neon.run('projects', 'recover', id);
  await vi.waitUntil(async () => !(await isRefused(uri)), { timeout: 20_000, interval: 100 });
  const after = await connectClient(uri);
  expect((await after.query('select answer from kept')).rows).toEqual([{ answer: 42 }]);
  await after.end();
});

test('the API client shares a project, offers it, and reads what it used', async () => {
  const api = createApiClient({
    apiKey: platform.adminKey,
    baseURL: watchedApi(platform),
  });
  const org = await organizationId();
  const { data: created } = await api.createProject({ project: { org_id: org } });
  const { id } = created.project;
  const { data: granted } = await api.grantPermissionToProject(id, { email: 'friend@example.com' });
  const { data: shared } = await api.listProjectPermissions(id);
  expect(shared.project_permissions).toEqual([granted]);
  await api.revokePermissionFromProject(id, granted.id);
  const { data: members } = await api.getOrganizationMembers({ orgId: org });
  expect(members.members).toMatchObject([{ member: { role: 'admin' } }]);
  const { data: offer } = await api.createProjectTransferRequest(id, { ttl_seconds: 60 });
  const accepted = await api.acceptProjectTransferRequest(id, offer.id, { org_id: org });
  expect(accepted.status).toBe(204);

  const uri = created.connection_uris[0]!.connection_uri;
  const client = await connectClient(uri);
  await client.end();
  const now = new Date();
  const used = async () => {
    const { data } = await api.getConsumptionHistoryPerProjectV2({
      from: new Date(now.getTime() - 3_600_000).toISOString(),
      to: new Date(now.getTime() + 3_600_000).toISOString(),
      granularity: 'hourly' as never,
      org_id: org,
      project_ids: [id],
      metrics: ['compute_unit_seconds', 'public_network_transfer_bytes'],
    });
    return data.projects.flatMap(({ periods }) => periods.flatMap((period) => period.consumption));
  };
  await vi.waitUntil(async () => (await used()).length > 0, { timeout: 20_000, interval: 500 });
  const values = (await used()).flatMap(({ metrics = [] }) => metrics);
  expect(values.map(({ metric_name: name }) => name)).toContain('public_network_transfer_bytes');
});

async function isRefused(uri: string): Promise<boolean> {
  try {
    await (await connectClient(uri)).end();
    return false;
  } catch {
    return true;
  }
}
