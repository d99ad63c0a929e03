import { PgfleetError } from '@pgfleet/contract';
import type { CreatedBranch, CreatedProject, EndpointId } from '@pgfleet/contract';
import { RpcUnreachableError } from '@pgfleet/kit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';
import { tellHosts } from './tell-hosts.ts';

/*
 * A host that was away for longer than operations are tried. Here they have no time at all: what
 * fails is given up at once.
 */

let postgres: TestPostgres;
let control: TestControl;
let created: CreatedProject;
let path: string;
let endpointId: EndpointId;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());
beforeEach(async () => {
  control = await TestControl.open(postgres, { works: false });
  created = await control.createProject();
  path = `/projects/${created.project.id}`;
  endpointId = created.endpoints[0]!.id;
  await work();
});
afterEach(() => control[Symbol.asyncDispose]());

const spec = () => control.host.endpoints.get(endpointId);
const patch = (url: string, payload: object) => control.call('PATCH', url, { payload });
const smaller = { endpoint: { suspend_timeout_seconds: 3600 } };
const closed = { project: { settings: { allowed_ips: { ips: ['10.9.9.9'] } } } };

/** Does what is to be done; what is late is given up where it fails. */
async function work(): Promise<void> {
  await using _worker = control.openWorker({ patienceMs: 0 });
  await expect.poll(countOpen, { timeout: 10_000 }).toBe(0);
}

async function countOpen(): Promise<number> {
  const open = await control.db
    .selectFrom('operations')
    .select('id')
    .where('status', 'not in', ['finished', 'failed', 'cancelled'])
    .execute();
  return open.length;
}

/** Lets the host hear nothing of endpoints until operations were given up. */
async function whileAway(change: () => Promise<{ readonly status: number }>): Promise<void> {
  control.host.intercept = (call) => {
    if (/^(put|delete)Endpoint/.test(call)) throw new RpcUnreachableError('away');
  };
  expect((await change()).status).toBeLessThan(300);
  await control.db
    .updateTable('operations')
    .set({ deadline_at: new Date(0) })
    .where('finished_at', 'is', null)
    .execute();
  await work();
  control.host.intercept = () => undefined;
}

/** What control does from time to time; how many operations there are for that. */
async function tell(): Promise<number> {
  await tellHosts({ db: control.db, worker: { kick: () => undefined } });
  const told = await countOpen();
  await work();
  return told;
}

test('a host that was away hears of settings of projects and endpoints', async () => {
  await whileAway(() => patch(path, closed));
  await whileAway(() => patch(`${path}/endpoints/${endpointId}`, { endpoint: { disabled: true } }));
  expect(spec()).toMatchObject({ allowedIps: [], disabled: false });
  expect(await tell()).toBe(1);
  expect(spec()).toMatchObject({ allowedIps: ['10.9.9.9'], disabled: true });
  expect(await tell()).toBe(0);
});

test.each([
  ['an endpoint', () => `${path}/endpoints/${endpointId}`],
  ['a project', () => path],
  ['a project for good', () => `${path}?hard_delete=true`],
])('a host that was away stops to serve %s that was deleted', async (_what, url) => {
  await whileAway(() => control.call('DELETE', url()));
  expect(spec()).toBeDefined();
  expect(await tell()).toBe(1);
  expect(spec()).toBeUndefined();
  expect(await tell()).toBe(0);
});

test('a host that was away stops to serve a branch that was deleted, or hears that it is back', async () => {
  const payload = { endpoints: [{ type: 'read_write' }] };
  const { body } = await control.call<CreatedBranch>('POST', `${path}/branches`, { payload });
  const url = `${path}/branches/${body.branch.id}`;
  const specOfBranch = () => control.host.endpoints.get(body.endpoints[0]!.id);
  await work();
  await whileAway(() => control.call('DELETE', url));
  await tell();
  expect(specOfBranch()).toBeUndefined();
  await whileAway(() => control.call('POST', `${url}/recover`));
  await tell();
  expect(specOfBranch()).toBeDefined();
});

test('a host that reports what it had long ago is told again', async () => {
  const before = control.host.status(endpointId);
  await patch(path, closed);
  await work();
  control.host.endpoints.set(endpointId, { ...spec()!, allowedIps: [], generation: 1 });
  await control.report(before);
  expect(await tell()).toBe(1);
  expect(spec()).toMatchObject({ allowedIps: ['10.9.9.9'] });
});

test.each([
  ['as soon as it reports them', () => control.report(control.host.status(endpointId))],
  ['with the next change', () => patch(`${path}/endpoints/${endpointId}`, smaller)],
])(
  'a host that knows of changes that the rows have lost is told the rows, %s',
  async (_when, act) => {
    control.host.endpoints.set(endpointId, { ...spec()!, disabled: true, generation: 100 });
    await act();
    await work();
    expect(await tell()).toBe(1);
    expect(spec()).toMatchObject({ disabled: false });
    expect(await tell()).toBe(0);
  },
);

test('what a host need not hear of makes no operation', async () => {
  const name = { endpoint: { name: 'reporting', pooler_enabled: true } };
  expect((await patch(`${path}/endpoints/${endpointId}`, name)).status).toBe(200);
  expect(await tell()).toBe(0);
});

test('a host that is not there is told nothing', async () => {
  await whileAway(() => patch(path, closed));
  await control.stopReports();
  await control.db
    .updateTable('hosts')
    .set({ reported_at: new Date(Date.now() - 60_000) })
    .execute();
  expect(await tell()).toBe(0);
});

test('what is under way, and what a host has just refused, is not said by another operation', async () => {
  await patch(path, closed);
  await tellHosts({ db: control.db, worker: { kick: () => undefined } });
  expect(await countOpen()).toBe(1);
  control.host.intercept = () => {
    throw new PgfleetError('invalid_request');
  };
  await work();
  expect(await tell()).toBe(0);
});

test('a branch that could not be made is nothing to tell of', async () => {
  control.host.intercept = () => {
    throw new PgfleetError('postgres_version_missing');
  };
  const { project } = await control.createProject();
  await work();
  expect(await tell()).toBe(0);
  await control.call('DELETE', `/projects/${project.id}`);
  control.host.intercept = () => undefined;
  await work();
  expect(await tell()).toBe(0);
});
