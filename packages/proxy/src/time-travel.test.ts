import { connect } from 'node:net';
import { PgfleetError, type TimeTravelRequest } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { cancelRequest, createScramVerifier } from '@pgfleet/pgwire';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { FakeEndpoint } from './testing/fake-fleet.ts';
import { psql } from './testing/psql.ts';
import { TestPostgres } from './testing/test-postgres.ts';
import { TestProxy } from './testing/test-proxy.ts';

const endpointId = 'ep-misty-sea-a5833nbi';
const branchId = 'br-noisy-breeze-a5e59rrb';
const pastId = 'ep-old-star-a5000000';
const region = 'aws-us-east-2.localhost';
const password = 'npg_secret';
const verifier = await createScramVerifier(password);
const oldPassword = 'npg_of_then';
const timestamp = 'neon_timestamp:2024-01-31T12:00:00Z';
const at = { kind: 'time', at: '2024-01-31T12:00:00.000000Z' };

let present: TestPostgres;
let past: TestPostgres;
let proxy: TestProxy;
let endpoint: FakeEndpoint;

beforeAll(async () => {
  [present, past] = await Promise.all([
    openPostgres('now', verifier),
    openPostgres('then', await createScramVerifier(oldPassword)),
  ]);
});

beforeEach(async () => {
  proxy = await TestProxy.open();
  endpoint = {
    branchId,
    verifiers: { alice: verifier },
    socketPath: present.socketPath,
    start: () => Promise.resolve(present.socketPath),
    timeTravel: showPast,
  };
  proxy.fleet.endpoints.set(endpointId, endpoint);
});

afterEach(() => proxy[Symbol.asyncDispose]());

afterAll(async () => {
  await Promise.all([present, past].map((postgres) => postgres[Symbol.asyncDispose]()));
});

async function openPostgres(when: string, aliceVerifier: string): Promise<TestPostgres> {
  const postgres = await TestPostgres.open();
  await postgres.query(`CREATE ROLE alice LOGIN PASSWORD '${aliceVerifier}'`);
  await postgres.query('CREATE DATABASE neondb OWNER alice');
  await postgres.query(`ALTER DATABASE neondb SET pgfleet.era = '${when}'`);
  return postgres;
}

/** What a host does, but for making the past. */
async function showPast({ role }: TimeTravelRequest) {
  await past.query(`ALTER ROLE ${role.name} PASSWORD '${role.verifier}'`);
  return { endpointId: pastId as TimeTravelRequest['endpointId'], socketPath: past.socketPath };
}

const connection = (overrides: Record<string, string | number> = {}) => ({
  host: `${branchId}.${region}`,
  hostaddr: '127.0.0.1',
  port: proxy.port,
  user: 'alice',
  password,
  dbname: 'neondb',
  sslmode: 'require',
  channel_binding: 'require',
  options: timestamp,
  ...overrides,
});
const era = (overrides: Record<string, string | number>) =>
  psql(connection(overrides), 'show pgfleet.era');

test.each([
  ['a branch id in the host name, as the CLI prints it', {}],
  ['an endpoint id', { host: `${endpointId}.${region}` }],
  ['a pooled name', { host: `${endpointId}-pooler.${region}` }],
  ['a branch id in an option', { host: 'localhost', options: `endpoint=${branchId} ${timestamp}` }],
  [
    'an endpoint id in an option',
    { host: 'localhost', options: `${timestamp} endpoint=${endpointId}-pooler` },
  ],
  [
    'a branch id in front of the password',
    {
      host: 'localhost',
      password: `endpoint=${branchId};${password}`,
      channel_binding: 'disable',
    },
  ],
])('the past is reached by %s', async (_how, overrides) => {
  expect(await era(overrides)).toEqual({ exitCode: 0, stdout: 'then', stderr: '' });
  expect(proxy.fleet.journeys).toEqual([{ endpointId, at, role: { name: 'alice', verifier } }]);
  expect(proxy.fleet.starts).toBe(0);
});

test('the past is reached by LSN, and Postgres gets its own options', async () => {
  const options = '-c geqo=off neon_lsn:0/16f9a00';
  const { stdout } = await psql(connection({ options }), 'show pgfleet.era; show geqo');
  expect(stdout.split('\n')).toEqual(['then', 'off']);
  expect(proxy.fleet.journeys[0]?.at).toEqual({ kind: 'lsn', lsn: '0/16F9A00' });
});

test('a branch id without a point stands for the endpoint of the branch', async () => {
  expect((await era({ options: '' })).stdout).toBe('now');
  expect(proxy.fleet.journeys).toEqual([]);
});

test('a branch that was created a moment ago is waited for', async () => {
  proxy.fleet.endpoints.delete(endpointId);
  proxy.fleet.announced.set(branchId, { pending: true });
  const result = era({});
  await waitUntil(() => proxy.server.connections > 0, { what: 'the client', timeoutMs: 5_000 });
  proxy.fleet.endpoints.set(endpointId, endpoint);
  expect((await result).stdout).toBe('then');
});

test('the past is reached while control is down and while the host restarts', async () => {
  await proxy.fleet.stopControl();
  let restarts = 0;
  endpoint.timeTravel = async (request) => {
    if (restarts++ > 0) return showPast(request);
    await proxy.fleet.stopHost();
    await proxy.fleet.startHost();
    // Nobody hears this: the connection of the question is gone.
    throw new PgfleetError('unavailable');
  };
  expect((await era({})).stdout).toBe('then');
  expect(proxy.fleet.journeys).toHaveLength(2);
  await proxy.fleet.startControl();
});

test('a compute of the past that vanished is asked for again', async () => {
  const gone = { endpointId: pastId as TimeTravelRequest['endpointId'], socketPath: '/nowhere' };
  endpoint.timeTravel = (request) =>
    proxy.fleet.journeys.length === 1 ? Promise.resolve(gone) : showPast(request);
  expect((await era({})).stdout).toBe('then');
});

test('bytes are counted for the compute of the past', async () => {
  await era({});
  const counted = () => (proxy.fleet.activityOf(pastId)?.bytesOut ?? 0) > 0;
  await waitUntil(counted, { what: 'the report', timeoutMs: 5_000 });
  expect(proxy.fleet.activityOf(endpointId)).toBeUndefined();
});

test('a statement in the past is cancelled by its client', async () => {
  const client = new Client({
    host: '127.0.0.1',
    port: proxy.port,
    user: 'alice',
    password,
    database: 'neondb',
    options: timestamp,
    ssl: { rejectUnauthorized: false, servername: `${branchId}.${region}` },
  });
  await client.connect();
  const failure = client.query('select pg_sleep(60)').catch((error: unknown) => error);
  const sleeping = "select from pg_stat_activity where wait_event = 'PgSleep'";
  const isRunning = async () => (await past.query(sleeping)).length === 1;
  await waitUntil(isRunning, { what: 'the statement', timeoutMs: 5_000 });
  const { processID, secretKey } = client as unknown as Record<string, number>;
  const secret = Buffer.alloc(4);
  secret.writeInt32BE(secretKey ?? 0);
  connect(proxy.port).end(cancelRequest(processID ?? 0, secret));
  expect(await failure).toMatchObject({ code: '57014' });
  await client.end();
});

test.each([
  ['with a wrong password', { password: 'no' }, 'password authentication failed'],
  ['with the password of then', { password: oldPassword }, 'password authentication failed'],
  ['as a role that is not there any more', { user: 'bob' }, 'password authentication failed'],
  ['of a branch that does not exist', { host: `br-no-such-00000000.${region}` }, 'cannot be found'],
  [
    'at no time that can be read',
    { options: 'neon_timestamp:soon' },
    'FATAL:  neon_timestamp is not a time',
  ],
  [
    'at two points',
    { options: `${timestamp} neon_lsn:0/1` },
    'FATAL:  the options name more than one point in time',
  ],
])('nobody makes the host show the past %s', async (_how, overrides, message) => {
  const { exitCode, stderr } = await era(overrides);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(message);
  expect(proxy.fleet.journeys).toEqual([]);
});

test('nobody makes the host show the past from an address that is not allowed', async () => {
  endpoint.allowedIps = ['10.0.0.0/8'];
  expect((await era({})).stderr).toContain('This IP address 127.0.0.1 is not allowed');
  expect(proxy.fleet.journeys).toEqual([]);
});

test('nobody makes the host show the past of a disabled endpoint', async () => {
  endpoint.disabled = true;
  expect((await era({})).stderr).toContain('endpoint is disabled');
  expect(proxy.fleet.journeys).toEqual([]);
});

test('who asks for a point that is not kept is told which ones are', async () => {
  const message = 'history of this branch begins at 2024-02-01T00:00:00Z';
  endpoint.timeTravel = () => Promise.reject(new PgfleetError('point_not_available', { message }));
  const { exitCode, stderr } = await era({});
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`FATAL:  ${message}`);
  expect(stderr).toContain('HINT:  How far back history reaches');
  expect(stderr).toContain('history_retention_seconds');
});
