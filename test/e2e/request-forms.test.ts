import type { Branch, CreatedProject, Endpoint, Project } from '@pgfleet/contract';
import { startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

/*
 * Requests as other clients of the Neon API send them, byte for byte where it matters: those of
 * neon-api for Python and neon-sdk-go, on which the Terraform provider is built. Both say that
 * there is JSON where there is no body.
 */

let platform: Platform;
let created: CreatedProject;
beforeAll(async () => {
  platform = await startPlatform();
  created = await platform.createProject({ name: 'forms' });
  await platform.settle(created.project.id);
});
afterAll(async () => await platform[Symbol.asyncDispose]());

interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}

async function request<Body = unknown>(
  method: string,
  path: string,
  { body, headers = {} }: { body?: string; headers?: Record<string, string> } = {},
): Promise<Answer<Body>> {
  const response = await fetch(`${platform.apiUrl}/api/v2/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${platform.adminKey}`,
      accept: 'application/json',
      'content-type': 'application/json',
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as Body };
}

const python = { 'user-agent': 'neon-client/python version=(0.1.0)' };
const go = { 'user-agent': 'Go-http-client/1.1' };

test('Python: a key is made, listed and revoked', async () => {
  const headers = python;
  const body = '{"key_name": "pytest-8050"}';
  const made = await request<{ id: number }>('POST', 'api_keys', { headers, body });
  expect(made.status).toBe(200);
  expect(Object.keys(made.body).slice(0, 4)).toEqual(['id', 'key', 'name', 'created_at']);
  const listed = await request<{ id: number }[]>('GET', 'api_keys', { headers });
  expect(listed.body.map(({ id }) => id)).toContain(made.body.id);
  const revoked = await request('DELETE', `api_keys/${made.body.id}`, { headers });
  expect(revoked.body).toMatchObject({ id: made.body.id, revoked: true });
});

test('Python: a project is made with the keys in the recorded order, renamed and deleted', async () => {
  const headers = python;
  const body = '{"project": {"name": "pytest-7972"}}';
  const made = await request<CreatedProject>('POST', 'projects', { headers, body });
  expect(made.status).toBe(201);
  expect(Object.keys(made.body)).toEqual([
    'project',
    'connection_uris',
    'roles',
    'databases',
    'operations',
    'branch',
    'endpoints',
  ]);
  const path = `projects/${made.body.project.id}`;
  const renamed = await request('PATCH', path, {
    headers,
    body: '{"project": {"name": "pytest-3773"}}',
  });
  expect(renamed).toMatchObject({ status: 200, body: { project: { name: 'pytest-3773' } } });
  expect(await request('DELETE', path, { headers })).toMatchObject({ status: 200 });
});

test('Python: a body that lacks the project is refused in the recorded words', async () => {
  expect(await request('POST', 'projects', { headers: python, body: '{}' })).toEqual({
    status: 400,
    body: {
      code: '',
      message: 'invalid request: decode application/json: invalid: project (field required)',
    },
  });
});

test('Python: booleans begin with a capital letter', async () => {
  const names = 'database_name=neondb&role_name=neondb_owner';
  for (const [spelled, pooled] of [
    ['True', true],
    ['False', false],
  ] as const) {
    const path = `projects/${created.project.id}/connection_uri?${names}&pooled=${spelled}`;
    const { status, body } = await request<{ uri: string }>('GET', path, { headers: python });
    expect([status, body.uri.includes('-pooler')]).toEqual([200, pooled]);
  }
});

test('Python: what belongs to a project is listed, with a limit and without', async () => {
  const path = `projects/${created.project.id}`;
  const branch = `${path}/branches/${created.branch.id}`;
  const lists = ['branches', 'operations'].flatMap((name) => [name, `${name}?limit=1`]);
  const addresses = [
    'projects?limit=5',
    'projects/shared',
    'users/me',
    `${path}/endpoints`,
    `${path}/endpoints/${created.endpoints[0]!.id}`,
    `${path}/permissions`,
    `${branch}/databases`,
    `${branch}/roles`,
    `${branch}/roles/neondb_owner`,
    ...lists.map((list) => `${path}/${list}`),
  ];
  for (const address of addresses) {
    expect([address, (await request('GET', address, { headers: python })).status]).toEqual([
      address,
      200,
    ]);
  }
});

test('Go: no body is one, though the header says JSON', async () => {
  const headers = go;
  const path = `projects/${created.project.id}`;
  const endpoint = `${path}/endpoints/${created.endpoints[0]!.id}`;
  const suspended = await request<{ endpoint: Endpoint }>('POST', `${endpoint}/suspend`, {
    headers,
  });
  expect(suspended).toMatchObject({ status: 200, body: { endpoint: { pending_state: 'idle' } } });
  await platform.settle(created.project.id);
  const made = await request<{ branch: Branch }>('POST', `${path}/branches`, { headers });
  expect(made.status).toBe(201);
  await platform.settle(created.project.id);
  const branch = `${path}/branches/${made.body.branch.id}`;
  expect((await request('DELETE', branch, { headers })).status).toBe(200);
  await platform.settle(created.project.id);
  expect(await request('DELETE', branch, { headers })).toEqual({ status: 204, body: undefined });
});

test('ids of projects are repeated, joined by commas, or both', async () => {
  const other = await platform.createProject();
  const ids = [created.project.id, other.project.id];
  const frame = `from=${hoursFromNow(-2)}&to=${hoursFromNow(1)}&granularity=hourly`;
  const forms = [
    `project_ids=${ids.join(',')}`,
    ids.map((id) => `project_ids=${id}`).join('&'),
    `project_ids=${encodeURIComponent(ids.join(','))}`,
    `project_ids=${ids.join(',')}&project_ids=${ids[0]}`,
  ];
  for (const form of forms) {
    const path = `consumption_history/projects?${frame}&${form}&include_v1_metrics=true`;
    const { status, body } = await request<{ projects: { project_id: string }[] }>('GET', path);
    expect([form, status]).toEqual([form, 200]);
    expect(ids).toEqual(
      expect.arrayContaining(body.projects.map(({ project_id: id }) => id)) as string[],
    );
  }
});

const spellings = [
  ['lower case', '2026-01-31t11:00:00z'],
  ['an offset', '2026-01-31T13:30:00+02:30'],
  ['no offset as one', '2026-01-31T11:00:00+00:00'],
  ['an unknown offset', '2026-01-31T11:00:00-00:00'],
  ['milliseconds', '2026-01-31T11:00:00.000Z'],
  ['microseconds', '2026-01-31T11:00:00.000000+00:00'],
  ['nanoseconds', '2026-01-31T11:00:00.000000000Z'],
] as const;

// Long before the project, so that the refusal shows how the time was read.
test.each(spellings)('a time with %s is read like the plain one', async (_name, spelled) => {
  const branchAt = (time: string) =>
    request('POST', `projects/${created.project.id}/branches`, {
      body: JSON.stringify({ branch: { parent_timestamp: time } }),
    });
  const usedSince = (time: string) => {
    const range = `from=${encodeURIComponent(time)}&to=${hoursFromNow(0)}`;
    return request('GET', `consumption_history/projects?${range}&granularity=hourly`);
  };
  const plain = '2026-01-31T11:00:00Z';
  const [refused, outOfRange] = [await branchAt(plain), await usedSince(plain)];
  expect([refused.status, outOfRange.status]).toEqual([400, 406]);
  expect(await branchAt(spelled)).toEqual(refused);
  expect(await usedSince(spelled)).toEqual(outOfRange);
});

test('keys come in the header of any spelling that clients use', async () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const headers = { authorization: `${scheme} ${platform.adminKey}` };
    const { status } = await request<{ projects: Project[] }>('GET', 'projects', { headers });
    expect([scheme, status]).toEqual([scheme, 200]);
  }
});

function hoursFromNow(hours: number): string {
  return `${new Date(Date.now() + hours * 3_600_000).toISOString().slice(0, 19)}Z`;
}
