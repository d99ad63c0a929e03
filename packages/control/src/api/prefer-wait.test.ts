import { request } from 'node:http';
import type { CreatedProject, Operation } from '@pgfleet/contract';
import { silentLogger, waitUntil } from '@pgfleet/kit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { listUnfinished, listUnfinishedOf } from '../store/operations.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';
import { OperationWaits } from './operation-waits.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

/** Makes the host hold back the making of timelines until the returned function is called. */
function holdTimelines(control: TestControl): () => void {
  let release = () => undefined as void;
  const released = new Promise<void>((resolve) => (release = resolve));
  control.host.intercept = (call) => (call.startsWith('putTimeline') ? released : undefined);
  return () => release();
}

function create(control: TestControl, prefer: string, more: Record<string, string> = {}) {
  return control.call<CreatedProject>('POST', '/projects', {
    payload: { project: {} },
    headers: { prefer, ...more },
  });
}

function statuses({ operations }: { readonly operations: readonly Operation[] }) {
  return operations.map(({ status }) => status);
}

test('who prefers to wait is answered when the operations have ended, with everything as it is then', async () => {
  await using control = await TestControl.open(postgres, { pollMs: 20_000 });
  const release = holdTimelines(control);
  let isAnswered = false;
  const created = create(control, 'respond-async, wait=50').finally(() => (isAnswered = true));
  await waitUntil(() => control.host.calls.some((call) => call.startsWith('putTimeline')), {
    what: 'the timeline to be made',
    timeoutMs: 10_000,
  });
  expect(isAnswered).toBe(false);
  release();
  const { status, headers, body } = await created;
  expect(status).toBe(201);
  expect(headers['preference-applied']).toBe('wait=50');
  expect(statuses(body)).toEqual(['finished', 'finished']);
  expect(body.branch.current_state).toBe('ready');
  expect(body.endpoints[0]).toMatchObject({ current_state: 'active' });
  expect(body.endpoints[0]).not.toHaveProperty('pending_state');
  expect(body.roles[0]?.password).toMatch(/^npg_/);
  expect(Object.keys(body)).toEqual(Object.keys((await create(control, 'handling=lenient')).body));
});

test('a preferred wait ends with its seconds, and says how things are by then', async () => {
  await using control = await TestControl.open(postgres);
  const release = holdTimelines(control);
  const { status, headers, body } = await create(control, 'wait=1');
  expect(status).toBe(201);
  expect(headers['preference-applied']).toBe('wait=1');
  expect(statuses(body)).toEqual(['running', 'scheduling']);
  release();
});

test('no one waits for longer than 55 seconds, and nonsense is no preference', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const applied = async (prefer: string) => {
    const path = `/projects/${project.id}`;
    const payload = { project: { name: 'renamed' } };
    const { headers } = await control.call('PATCH', path, { payload, headers: { prefer } });
    return headers['preference-applied'];
  };
  expect(await applied('wait=100000')).toBe('wait=55');
  expect(await applied('wait=99999999999')).toBe('wait=55');
  expect(await applied('Wait="7"; x=y')).toBe('wait=7');
  expect(await applied('wait=3, wait=9')).toBe('wait=3');
  for (const prefer of ['wait', 'wait=-1', 'wait=soon', 'await=3', '']) {
    expect(await applied(prefer)).toBeUndefined();
  }
});

test('operations that another replica runs are waited for too', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const created = create(control, 'wait=50');
  const other = control.openWorker();
  expect(statuses((await created).body)).toEqual(['finished', 'finished']);
  await other[Symbol.asyncDispose]();
});

test('a wait with an Idempotency-Key is taken up again by the same call', async () => {
  await using control = await TestControl.open(postgres);
  const release = holdTimelines(control);
  const key = { 'idempotency-key': 'once' };
  const first = await create(control, 'wait=0', key);
  expect(statuses(first.body)).toEqual(['running', 'scheduling']);
  const again = create(control, 'wait=50', key);
  release();
  const { body } = await again;
  expect(body.project.id).toBe(first.body.project.id);
  expect(statuses(body)).toEqual(['finished', 'finished']);
  expect((await create(control, '', key)).body).toEqual(first.body);
});

test('a wait for the end of a project is one for operations that its answer does not name', async () => {
  await using control = await TestControl.open(postgres);
  const { project } = await control.createProject();
  await control.settled(project.id);
  let release = () => undefined as void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const deletions = () => control.host.calls.filter((call) => call.startsWith('deleteTimeline'));
  control.host.intercept = (call) => (call.startsWith('deleteTimeline') ? released : undefined);
  const headers = { prefer: 'wait=50', 'idempotency-key': 'once' };
  const url = `/projects/${project.id}?hard_delete=true`;
  let answers = 0;
  const deleted = [1, 2].map(() =>
    control.call('DELETE', url, { headers }).finally(() => (answers += 1)),
  );
  await waitUntil(() => deletions().length > 0, {
    what: 'the data to be deleted',
    timeoutMs: 10_000,
  });
  expect(answers).toBe(0);
  release();
  for (const { status } of await Promise.all(deleted)) expect(status).toBe(200);
  expect(await listUnfinishedOf(control.db, { projectId: project.id })).toEqual([]);
});

test('a stop of the server answers those who wait', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const created = create(control, 'wait=50');
  await waitUntil(() => control.db.selectFrom('projects').select('id').executeTakeFirst(), {
    what: 'the project to be there',
    timeoutMs: 10_000,
  });
  await control.api.close();
  const { status, body } = await created;
  expect(status).toBe(201);
  expect(statuses(body)).toEqual(['running', 'scheduling']);
});

test('a client that hangs up leaves no wait behind, and a wait too many is passed over', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { operations } = await control.createProject();
  const ids = operations.map(({ id }) => id);
  const worker = { onThrough: () => undefined };
  using waits = new OperationWaits({
    db: control.db,
    worker,
    log: silentLogger(),
    maxWaits: 1,
  });
  const client = new AbortController();
  const wait = waits.until(ids, client.signal);
  expect(waits.isFull).toBe(true);
  client.abort(new Error('gone'));
  await wait;
  expect(waits.isFull).toBe(false);
  expect(await listUnfinished(control.db, ids)).toEqual(new Set(ids));
});

test('a client that hangs up while its change is committed takes no place among those who wait', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  using until = vi.spyOn(OperationWaits.prototype, 'until');
  await control.db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('pgfleet.audit_log', 0))`.execute(tx);
    const client = await createOverNetwork(control, 'wait=50');
    await waitUntil(() => isAnybodyLocked(control), {
      what: 'the commit to wait',
      timeoutMs: 10_000,
    });
    await client.leave();
  });
  const ended = () => until.mock.settledResults.map(({ type }) => type);
  await expect.poll(ended, { timeout: 10_000 }).toEqual(['fulfilled']);
});

async function isAnybodyLocked({ db }: TestControl): Promise<boolean> {
  const { rows } = await sql`select from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`.execute(db);
  return rows.length > 0;
}

async function createOverNetwork({ api, adminKey }: TestControl, prefer: string) {
  const url = `${await api.listen({ host: '127.0.0.1', port: 0 })}/api/v2/projects`;
  const authorization = `Bearer ${adminKey}`;
  const headers = { authorization, prefer, 'content-type': 'application/json' };
  const left = new Promise<void>((resolve) => {
    api.server.once('connection', (socket) => void socket.once('close', () => resolve()));
  });
  const client = request(url, { method: 'POST', headers, agent: false });
  client.on('error', () => undefined);
  client.end(JSON.stringify({ project: {} }));
  return {
    /** Resolves when the server has noticed. */
    leave: () => {
      client.destroy();
      return left;
    },
  };
}
