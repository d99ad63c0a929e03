import { connect } from 'node:net';
import { text as streamText } from 'node:stream/consumers';
import type { ApiKeyListItem, CreatedApiKey } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findAuditBreaks } from '../store/audit-log.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

test('without a valid key nothing is said', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  for (const authorization of ['', 'Bearer', 'Bearer napi_wrong', 'Basic eDp5', 'Bearer x y']) {
    const { status, body } = await control.call('GET', '/projects', { headers: { authorization } });
    expect(status).toBe(401);
    expect(body).toEqual({
      code: '',
      message: 'supplied credentials do not pass authentication',
    });
  }
});

test('an API key is shown once, works, is listed, and ends when it is revoked', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const created = await control.call<CreatedApiKey>('POST', '/api_keys', {
    payload: { key_name: 'ci' },
  });
  expect(created.status).toBe(200);
  expect(created.body.key).toMatch(/^napi_/);
  const headers = { authorization: `Bearer ${created.body.key}` };
  expect((await control.call('GET', '/projects', { headers })).status).toBe(200);
  const listed = await control.call<ApiKeyListItem[]>('GET', '/api_keys');
  expect(listed.body[0]).toMatchObject({ name: 'ci', last_used_from_addr: '127.0.0.1' });
  expect(JSON.stringify(listed.body)).not.toContain(created.body.key);
  const revoked = await control.call('DELETE', `/api_keys/${created.body.id}`);
  expect(revoked.body).toMatchObject({ id: created.body.id, revoked: true });
  expect((await control.call('GET', '/projects', { headers })).status).toBe(401);
  expect((await control.call('DELETE', `/api_keys/${created.body.id}`)).status).toBe(404);
  expect((await control.call('DELETE', '/api_keys/99999999999999999999')).status).toBe(404);
});

test('the account and the regions are shown', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const me = await control.call<{ id: string }>('GET', '/users/me');
  expect(me.body).toMatchObject({ name: 'admin', login: 'admin' });
  const organizations = await control.call('GET', '/users/me/organizations');
  expect(organizations.body).toMatchObject({ organizations: [{ name: 'pgfleet' }] });
  const auth = await control.call('GET', '/auth');
  expect(auth.body).toMatchObject({ account_id: me.body.id, auth_method: 'api_key_user' });
  const regions = await control.call('GET', '/regions');
  expect(regions.body).toMatchObject({
    regions: [
      { region_id: 'aws-us-east-2', default: true },
      { region_id: 'aws-eu-central-1', default: false },
    ],
  });
});

test('a request is named by its client or by the server', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const call = (id: string) =>
    control.call('DELETE', '/projects/none', { headers: { 'x-request-id': id } });
  const ids = ['my-request.1', '{"job": 7, "of": "ci@night"}', '~', 'x'.repeat(256)];
  for (const id of ids) {
    const named = await call(id);
    expect(named.body).toMatchObject({ request_id: id });
    expect(named.headers['x-neon-ret-request-id']).toBe(id);
  }
  for (const id of ['x'.repeat(257), ' ', 'x ', 'tab\there', 'naïve', '']) {
    const unnamed = await call(id);
    expect(unnamed.body).not.toHaveProperty('request_id');
    expect(unnamed.headers['x-neon-ret-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  }
  const audited = await control.db
    .selectFrom('audit_log')
    .select('request_id')
    .orderBy('sequence')
    .execute();
  expect(audited.slice(0, ids.length).map((row) => row.request_id)).toEqual(ids);
  expect(await findAuditBreaks(control.db)).toEqual([]);
});

test.each([
  ['{"project":', 'application/json', 400],
  ['[]', 'application/json', 400],
  ['null', 'application/json', 400],
  ['', 'application/json', 400],
  ['{"project":{"__proto__":{"name":"x"}}}', 'application/json', 201],
  [`{"project":{"deep":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`, 'application/json', 201],
  [`{"project":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 'application/json', 400],
  ['{"project":{}}', 'application/x-www-form-urlencoded', 201],
  ['project=1', 'application/x-www-form-urlencoded', 400],
  ['{"project":{}}', 'text/plain;charset=UTF-8', 201],
  ['<project/>', 'application/xml', 415],
  [JSON.stringify({ project: { name: 'x'.repeat(1024 * 1024) } }), 'application/json', 413],
])('a body like %.40s of type %s is answered with %i', async (payload, type, expected) => {
  await using control = await TestControl.open(postgres, { works: false });
  const { status, body } = await control.call('POST', '/projects', {
    headers: { 'content-type': type },
    payload,
  });
  expect(status).toBe(expected);
  const keys = Object.keys(body as object);
  expect(keys.includes('project') || keys.join() === 'code,message').toBe(true);
});

test.each([
  ['GARBAGE\r\n\r\n', 400],
  [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', 400],
])(
  'what is no request, like %.20j, is answered with %i and the body of errors',
  async (text, status) => {
    await using control = await TestControl.open(postgres, { works: false });
    const { port } = new URL(await control.api.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect(Number(port), '127.0.0.1');
    socket.end(text);
    const [head, body] = (await streamText(socket)).split('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(Object.keys(JSON.parse(body!) as object)).toEqual(['code', 'message']);
  },
);

test('routes that are not there yet differ from those that never will', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const later = await control.call('GET', '/projects/some-project-00000000/vpc_endpoints');
  expect(later.status).toBe(501);
  expect((await control.call('GET', '/nothing')).status).toBe(404);
  expect((await control.call('GET', '/projects/%zz')).status).toBe(404);
});

test('a path that there is for other methods only is answered with those', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const ask = async (method: 'GET' | 'PUT' | 'OPTIONS', path: string) => {
    const headers = { authorization: `Bearer ${control.adminKey}` };
    const { statusCode, headers: sent } = await control.api.inject({
      method,
      url: `/api/v2${path}`,
      headers,
    });
    return [statusCode, sent.allow];
  };
  const project = '/projects/some-project-00000000';
  expect(await ask('PUT', '/projects?limit=1')).toEqual([405, 'GET, HEAD, POST']);
  expect(await ask('OPTIONS', project)).toEqual([405, 'DELETE, GET, HEAD, PATCH']);
  expect(await ask('GET', `${project}/recover`)).toEqual([405, 'POST']);
  expect(await ask('PUT', `${project}/nothing`)).toEqual([404, undefined]);
  const stranger = await control.api.inject({ method: 'PUT', url: '/api/v2/projects' });
  expect([stranger.statusCode, stranger.headers.allow]).toEqual([401, undefined]);
});

test('every change and every refused change is in the audit log, and tampering shows', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  await Promise.all([control.createProject(), control.createProject(), control.createProject()]);
  await control.call('DELETE', '/projects/no-such-00000000');
  await control.call('GET', '/projects');
  const rows = await control.db.selectFrom('audit_log').selectAll().orderBy('sequence').execute();
  expect(rows.map(({ sequence, status }) => [sequence, status])).toEqual([
    [1, 201],
    [2, 201],
    [3, 201],
    [4, 404],
  ]);
  expect(await findAuditBreaks(control.db)).toEqual([]);
  await expect(control.db.deleteFrom('audit_log').execute()).rejects.toThrow('append-only');
  await sql`alter table audit_log disable trigger user`.execute(control.db);
  await sql`update audit_log set status = 200 where sequence = 4`.execute(control.db);
  expect(await findAuditBreaks(control.db)).toEqual([4]);
  await sql`delete from audit_log where sequence = 2`.execute(control.db);
  expect(await findAuditBreaks(control.db)).toContain(3);
});

test('metrics show operations and endpoints', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  await control.createProject();
  const { body } = await control.api.inject('/metrics');
  expect(body).toContain('pgfleet_operations{status="running"} 1\n');
  expect(body).toContain('pgfleet_endpoints{state="init"} 1\n');
});

test('while the database is down the API says so, and then recovers by itself', async () => {
  await using own = await TestPostgres.open();
  await using control = await TestControl.open(own);
  const { project } = await control.createProject();
  await control.settled(project.id);
  expect((await control.api.inject('/healthz')).statusCode).toBe(200);
  await own.crash();
  const down = await control.call('GET', '/projects');
  expect(down.status).toBe(503);
  expect(down.body).toMatchObject({ code: '' });
  expect((await control.call('POST', '/projects', { payload: { project: {} } })).status).toBe(503);
  expect((await control.api.inject('/healthz')).statusCode).toBe(503);
  await own.restart();
  await waitUntil(async () => (await control.api.inject('/healthz')).statusCode === 200, {
    what: 'the API to recover',
    timeoutMs: 10_000,
  });
  const again = await control.createProject();
  const operations = await control.settled(again.project.id);
  expect(operations.every(({ status }) => status === 'finished')).toBe(true);
});
