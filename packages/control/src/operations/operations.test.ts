import { PgfleetError } from '@pgfleet/contract';
import type { Branch, CreatedProject, Endpoint } from '@pgfleet/contract';
import { createLogger, RpcUnreachableError, waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promiseWithRelease } from '../testing/promise-with-release.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const soon = { timeoutMs: 10_000 };

async function stateOf(control: TestControl, { project, branch, endpoints }: CreatedProject) {
  const shownBranch = await control.call<{ branch: Branch }>(
    'GET',
    `/projects/${project.id}/branches/${branch.id}`,
  );
  const shownEndpoint = await control.call<{ endpoint: Endpoint }>(
    'GET',
    `/projects/${project.id}/endpoints/${endpoints[0]!.id}`,
  );
  return { branch: shownBranch.body.branch, endpoint: shownEndpoint.body.endpoint };
}

test('a new project becomes a timeline and a running compute on a host', async () => {
  await using control = await TestControl.open(postgres);
  const created = await control.createProject();
  const operations = await control.settled(created.project.id);
  expect(operations.map(({ action, status }) => `${action} ${status}`)).toEqual([
    'start_compute finished',
    'create_timeline finished',
  ]);
  const [timeline] = [...control.host.timelines.values()];
  expect(timeline).toMatchObject({
    projectId: created.project.id,
    branchId: created.branch.id,
    pgMajor: 17,
    initial: {
      roles: [{ name: 'neondb_owner', verifier: expect.stringMatching(/^SCRAM/) as string }],
      databases: [{ name: 'neondb', ownerName: 'neondb_owner' }],
    },
  });
  expect(control.host.endpoints.get(created.endpoints[0]!.id)).toMatchObject({
    suspendTimeoutSeconds: 300,
    generation: 1,
  });
  const { branch, endpoint } = await stateOf(control, created);
  expect(branch.current_state).toBe('ready');
  expect(branch).not.toHaveProperty('pending_state');
  expect(endpoint.current_state).toBe('active');
  expect(endpoint.started_at).toBeDefined();
});

test.each([
  ['invalid_request', 'info'],
  ['quota_exceeded', 'info'],
  ['history_damaged', 'error'],
] as const)('an operation that ends with %s is a line at level %s', async (code, level) => {
  await using control = await TestControl.open(postgres, { works: false });
  const lines: { readonly level: string; readonly msg: string }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]);
  const log = createLogger({ process: 'test', destination: { write } });
  await using _worker = control.openWorker({ log });
  control.host.intercept = (call) => {
    if (call.startsWith('putTimeline')) throw new PgfleetError(code);
  };
  const { project } = await control.createProject();
  await control.settled(project.id);
  const ends = lines.filter(({ msg }) => msg === 'operation failed for good');
  expect(ends[0]).toMatchObject({ level });
});

test('operations of one branch run in order, those of other projects beside them', async () => {
  await using control = await TestControl.open(postgres);
  const { held, release } = promiseWithRelease();
  const slow = await control.createProject();
  control.host.intercept = (call) => (call.startsWith('putTimeline') ? undefined : held);
  const path = `/projects/${slow.project.id}/endpoints/${slow.endpoints[0]!.id}`;
  await control.call('POST', `${path}/suspend`);
  await control.call('POST', `${path}/start`);
  const other = await control.createProject();
  await waitUntil(
    () => control.host.calls.filter((call) => call.startsWith('putTimeline')).length === 2,
    { what: 'the other project to go on', ...soon },
  );
  release();
  await control.settled(slow.project.id);
  await control.settled(other.project.id);
  const own = control.host.calls.filter((call) => call.endsWith(slow.endpoints[0]!.id));
  expect(own.map((call) => call.split(' ')[0])).toEqual([
    'putEndpoint',
    'start',
    'suspend',
    'start',
  ]);
});

test('without a host of the region an operation waits, and goes on when one registers', async () => {
  await using control = await TestControl.open(postgres, { hasHost: false });
  const { project } = await control.createProject();
  await waitUntil(
    async () => {
      const row = await control.db
        .selectFrom('operations')
        .selectAll()
        .where('action', '=', 'create_timeline')
        .executeTakeFirst();
      return row?.lease_owner === null && row.step === 'place';
    },
    { what: 'the operation to wait', ...soon },
  );
  const answer = await control.internalApi.inject({
    method: 'POST',
    url: `/internal/v1/hosts/${control.host.id}/report`,
    headers: { authorization: 'Bearer internal' },
    payload: control.host.report(),
  });
  expect(answer.statusCode).toBe(204);
  const operations = await control.settled(project.id);
  expect(operations.every(({ status }) => status === 'finished')).toBe(true);
});

test('a host that cannot be reached is tried again, and the operation says so', async () => {
  await using control = await TestControl.open(postgres);
  let attempts = 0;
  control.host.intercept = (call) => {
    if (call.startsWith('putTimeline') && ++attempts < 3) throw new RpcUnreachableError('gone');
  };
  const { project } = await control.createProject();
  const operations = await control.settled(project.id);
  expect(operations[1]).toMatchObject({ status: 'finished', failures_count: 2 });
  expect(operations[1]).not.toHaveProperty('error');
});

test('an error that no retry can mend fails the operation, and its reason is public', async () => {
  await using control = await TestControl.open(postgres);
  control.host.intercept = () => {
    throw new PgfleetError('postgres_version_missing', { cause: new Error('/secret/path') });
  };
  const { project } = await control.createProject();
  const [compute, timeline] = await control.settled(project.id);
  expect(timeline).toMatchObject({
    status: 'failed',
    error: 'this Postgres version is not installed on the host',
  });
  expect(compute).toMatchObject({ action: 'start_compute', status: 'failed' });
});

test('a compute that does not start does not keep the change waiting that mends it', async () => {
  await using control = await TestControl.open(postgres);
  control.host.intercept = (call) => {
    if (call.startsWith('start')) throw new PgfleetError('compute_start_failed');
  };
  const { project, endpoints } = await control.createProject();
  const url = `/projects/${project.id}/endpoints/${endpoints[0]!.id}`;
  const payload = { endpoint: { settings: { pg_settings: { work_mem: '8MB' } } } };
  await control.call('PATCH', url, { payload });
  const [change, start] = await control.settled(project.id);
  expect(start).toMatchObject({ action: 'start_compute', status: 'failed' });
  expect(start?.error).toContain('could not be started');
  expect(change).toMatchObject({ action: 'apply_config', status: 'finished' });
  const { body } = await control.call<{ endpoint: Endpoint }>('GET', url);
  expect(body.endpoint).not.toHaveProperty('pending_state');
});

async function createLate(control: TestControl) {
  const { project } = await control.createProject();
  await control.db
    .updateTable('operations')
    .set({ deadline_at: new Date(0) })
    .execute();
  return project;
}

test('an operation whose deadline has passed fails when it cannot be done now either', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const project = await createLate(control);
  control.host.intercept = () => {
    throw new RpcUnreachableError('gone');
  };
  await using _worker = control.openWorker({ patienceMs: 0 });
  const [compute, timeline] = await control.settled(project.id);
  expect(compute).toMatchObject({ status: 'failed' });
  expect(timeline).toMatchObject({
    status: 'failed',
    error: 'not done in time: the host of this project cannot be reached',
  });
  expect(control.host.calls).toHaveLength(1);
});

test('what control was away for too long to do is done when it and the host are back', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const project = await createLate(control);
  let attempts = 0;
  control.host.intercept = () => {
    if (++attempts < 3) throw new RpcUnreachableError('gone');
  };
  await using _worker = control.openWorker();
  const operations = await control.settled(project.id);
  expect(operations.map(({ status }) => status)).toEqual(['finished', 'finished']);
});

test('what a dead worker was doing is taken up by another one', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  await control.db
    .updateTable('operations')
    .set({
      status: 'running',
      step: 'announce',
      lease_owner: '00000000-0000-4000-8000-000000000000',
      lease_until: new Date(Date.now() + 500),
    })
    .where('action', '=', 'create_timeline')
    .execute();
  await using _worker = control.openWorker();
  const operations = await control.settled(project.id);
  expect(operations.every(({ status }) => status === 'finished')).toBe(true);
  expect(control.host.calls[0]).toMatch(/^putEndpoint/);
});

test('a worker that stops gives its operation back at once', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const worker = control.openWorker({ leaseSeconds: 600 });
  control.host.intercept = (_call, signal) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
  await waitUntil(() => control.host.calls.length > 0, { what: 'the first call', ...soon });
  await worker[Symbol.asyncDispose]();
  control.host.intercept = () => undefined;
  await using _next = control.openWorker();
  const operations = await control.settled(project.id);
  expect(operations.map(({ failures_count: failures }) => failures)).toEqual([0, 0]);
});

test('a deletion does not wait for the creation that is under way', async () => {
  await using control = await TestControl.open(postgres);
  control.host.intercept = (call, signal) => {
    if (!call.startsWith('putTimeline')) return undefined;
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
  };
  const { project } = await control.createProject();
  await waitUntil(() => control.host.calls.length > 0, { what: 'the creation to run', ...soon });
  await control.call('DELETE', `/projects/${project.id}`);
  await waitUntil(() => control.host.calls.some((call) => call.startsWith('deleteTimeline')), {
    what: 'the deletion to run',
    ...soon,
  });
  const rows = await control.db
    .selectFrom('operations')
    .select(['action', 'status'])
    .where('status', '=', 'cancelled')
    .orderBy('sequence')
    .execute();
  expect(rows.map(({ action }) => action)).toEqual(['create_timeline', 'start_compute']);
});

test('a wake-up that comes while an operation is about to be put off is not lost', async () => {
  await using control = await TestControl.open(postgres, { hasHost: false, works: false });
  await control.createProject();
  const { claimOperations, postpone, wakeOperations } = await import('../store/operation-queue.ts');
  const lease = { owner: '00000000-0000-4000-8000-000000000001', seconds: 60 };
  const [claimed] = await claimOperations(control.db, lease, 1);
  await wakeOperations(control.db);
  await postpone(control.db, claimed!, { delayMs: 60_000, error: null, failures: 0 });
  expect(await claimOperations(control.db, lease, 1)).toMatchObject([{ id: claimed!.id }]);
});

test('two workers never hold the same operation', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  for (let n = 0; n < 20; n++) await control.createProject();
  const { claimOperations } = await import('../store/operation-queue.ts');
  const claims = await Promise.all(
    Array.from({ length: 4 }, (_, n) =>
      claimOperations(
        control.db,
        { owner: `00000000-0000-4000-8000-00000000000${n}`, seconds: 60 },
        10,
      ),
    ),
  );
  const ids = claims.flat().map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(claims.flat().every(({ action }) => action === 'create_timeline')).toBe(true);
});

test('a new operation does not wait for anybody to look', async () => {
  await using control = await TestControl.open(postgres, { pollMs: 3_600_000 });
  const { project } = await control.createProject();
  await control.settled(project.id);
  expect(control.host.timelines.size).toBe(1);
});
