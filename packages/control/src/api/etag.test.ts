import type { Member, Snapshot } from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
let control: TestControl;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres);
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

interface Objects {
  readonly project: string;
  readonly branch: string;
  readonly endpoint: string;
  readonly member: string;
  readonly operation: string;
  readonly snapshot: string;
}

async function makeObjects(): Promise<Objects> {
  const { project, branch, endpoints, operations } = await control.createProject();
  await control.settled(project.id);
  const path = `/projects/${project.id}`;
  const { body } = await control.call<{ snapshot: Snapshot }>(
    'POST',
    `${path}/branches/${branch.id}/snapshot`,
  );
  await control.settled(project.id);
  const account = await control.createMember('viewer');
  const organization = await control.organizationId();
  const members = await control.call<{ members: { member: Member }[] }>(
    'GET',
    `/organizations/${organization}/members`,
  );
  const member = members.body.members.find((each) => each.member.user_id === account.userId);
  return {
    project: path,
    branch: `${path}/branches/${branch.id}`,
    endpoint: `${path}/endpoints/${endpoints[0]?.id}`,
    member: `/organizations/${organization}/members/${member?.member.id}`,
    operation: `${path}/operations/${operations[0]?.id}`,
    snapshot: `${path}/snapshots/${body.snapshot.id}`,
  };
}

async function tagOf(path: string): Promise<string> {
  const { status, headers } = await control.call('GET', path);
  expect(status).toBe(200);
  return headers['etag'] as string;
}

/** Changes that differ from each other, and from how things were made. */
const changes = {
  project: (name: Change) => ({ project: { name } }),
  branch: (name: Change) => ({ branch: { name } }),
  endpoint: (name: Change) => ({ endpoint: { name } }),
  member: (name: Change) => ({ role: { one: 'editor', two: 'member', three: 'admin' }[name] }),
} as const;
type Change = 'one' | 'two' | 'three';
const kinds = Object.keys(changes) as (keyof typeof changes)[];

test.each(kinds)(
  'the ETag of a %s changes with what can be seen of it, and only then',
  async (kind) => {
    const path = (await makeObjects())[kind];
    const before = await tagOf(path);
    expect(before).toMatch(/^"[\w-]{43}"$/);
    expect(await tagOf(path)).toBe(before);
    const changed = await control.call('PATCH', path, { payload: changes[kind]('one') });
    expect(changed.status).toBe(200);
    const after = await tagOf(path);
    expect(after).not.toBe(before);
    expect(changed.headers['etag']).toBe(after);
  },
);

test('HEAD tells the ETag that GET does', async () => {
  const { branch } = await makeObjects();
  const { statusCode, headers, body } = await control.api.inject({
    method: 'HEAD',
    url: `/api/v2${branch}`,
    headers: { authorization: `Bearer ${control.adminKey}` },
  });
  expect([statusCode, headers.etag, body]).toEqual([200, await tagOf(branch), '']);
});

test('what a client has already is not sent again', async () => {
  const { branch, operation } = await makeObjects();
  for (const path of [branch, operation]) {
    const etag = await tagOf(path);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const headers = { 'if-none-match': known };
      const { status, body, headers: sent } = await control.call('GET', path, { headers });
      expect([status, body, sent['etag']]).toEqual([304, undefined, etag]);
    }
    const other = await control.call('GET', path, { headers: { 'if-none-match': '"other"' } });
    expect(other.status).toBe(200);
  }
  const list = await control.call('GET', '/projects', { headers: { 'if-none-match': '*' } });
  expect(list.status).toBe(200);
  expect(list.headers).not.toHaveProperty('etag');
});

test.each(kinds)(
  'of two changes of a %s in one state that If-Match names, one is made',
  async (kind) => {
    const path = (await makeObjects())[kind];
    for (let round = 0; round < 5; round += 1) {
      await control.call('PATCH', path, { payload: changes[kind]('three') });
      const headers = { 'if-match': await tagOf(path) };
      const answers = await Promise.all(
        (['one', 'two'] as const).map((name) =>
          control.call('PATCH', path, { payload: changes[kind](name), headers }),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 412]));
      const lost = answers.find(({ status }) => status === 412);
      expect(lost?.body).toEqual({
        code: '',
        message: expect.stringContaining('If-Match') as string,
      });
    }
  },
);

test('a snapshot, which no GET shows alone, has the ETag of its last change', async () => {
  const { snapshot } = await makeObjects();
  const rename = (name: string, headers = {}) =>
    control.call('PATCH', snapshot, { payload: { snapshot: { name } }, headers });
  const first = await rename('one');
  const etag = first.headers['etag'] as string;
  expect((await rename('two', { 'if-match': etag })).status).toBe(200);
  expect((await rename('three', { 'if-match': etag })).status).toBe(412);
  expect((await control.call('DELETE', snapshot, { headers: { 'if-match': etag } })).status).toBe(
    412,
  );
});

test('strangers learn nothing from conditions', async () => {
  const { project } = await makeObjects();
  const key = await control.createStranger();
  const headers = { authorization: `Bearer ${key}`, 'if-match': '"x"', 'if-none-match': '*' };
  const payload = { project: { name: 'x' } };
  expect((await control.call('PATCH', project, { payload, headers })).status).toBe(404);
  expect((await control.call('GET', project, { headers })).status).toBe(404);
});

test.each(['project', 'endpoint', 'database'] as const)(
  'the answer about the change of one %s that is repeated after a wait has the ETag of what it shows',
  async (kind) => {
    const { project, branch, endpoints, databases } = await control.createProject();
    await control.settled(project.id);
    const path = `/projects/${project.id}`;
    const databasesPath = `${path}/branches/${branch.id}/databases`;
    const calls = {
      project: [path, path, { project: { settings: { allowed_ips: { ips: ['10.0.0.1'] } } } }],
      endpoint: [
        `${path}/endpoints/${endpoints[0]?.id}`,
        `${path}/endpoints/${endpoints[0]?.id}`,
        { endpoint: { autoscaling_limit_max_cu: 2 } },
      ],
      database: [
        `${databasesPath}/${databases[0]?.name}`,
        `${databasesPath}/renamed`,
        { database: { name: 'renamed' } },
      ],
    } as const;
    const [asked, shown, payload] = calls[kind];
    const change = (prefer: string) =>
      control.call('PATCH', asked, { payload, headers: { prefer, 'idempotency-key': kind } });
    expect((await change('wait=0')).headers['etag']).toMatch(/^"/);
    await control.settled(project.id);
    const again = await change('wait=20');
    expect(again.status).toBe(200);
    expect(again.headers['etag']).toBe(await tagOf(shown));
  },
);
