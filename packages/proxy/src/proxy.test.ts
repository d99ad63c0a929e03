import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { waitUntil } from '@pgfleet/kit';
import {
  backend,
  cancelRequest,
  createScramVerifier,
  FrameSplitter,
  frontend,
  serverLimits,
  sslRequest,
  startupMessage,
} from '@pgfleet/pgwire';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FakeEndpoint } from './testing/fake-fleet.ts';
import { psql } from './testing/psql.ts';
import { TestPostgres } from './testing/test-postgres.ts';
import { TestProxy } from './testing/test-proxy.ts';

const endpointId = 'ep-misty-sea-a5833nbi';
const password = 'npg_secret';
let postgres: TestPostgres;
let proxy: TestProxy;
let endpoint: FakeEndpoint;
const verifier = await createScramVerifier(password);

beforeAll(async () => {
  postgres = await TestPostgres.open();
  await postgres.query(`CREATE ROLE alice LOGIN PASSWORD '${verifier}'`);
  await postgres.query('CREATE DATABASE neondb OWNER alice');
});

beforeEach(async () => {
  proxy = await TestProxy.open({
    env: {
      PGFLEET_PROXY_HANDSHAKE_TIMEOUT_MS: '1500',
      PGFLEET_PROXY_WAKE_TIMEOUT_MS: '10000',
      PGFLEET_PROXY_MAX_UNAUTHENTICATED: '8',
    },
  });
  endpoint = {
    verifiers: { alice: verifier },
    socketPath: postgres.socketPath,
    start: async () => {
      await postgres.start();
      return postgres.socketPath;
    },
  };
  proxy.fleet.endpoints.set(endpointId, endpoint);
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  await postgres.start();
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

const hostName = `${endpointId}.aws-us-east-2.localhost`;
const secureHost = () => ({
  host: hostName,
  hostaddr: '127.0.0.1',
  port: proxy.port,
  user: 'alice',
  password,
  dbname: 'neondb',
  sslmode: 'require',
});
/** The bare domain, as where endpoint names do not resolve. */
const bareHost = () => ({ ...secureHost(), host: 'localhost' });

function pgClient(overrides: object = {}): Client {
  const client = new Client({
    host: '127.0.0.1',
    port: proxy.port,
    user: 'alice',
    password,
    database: 'neondb',
    ssl: {
      ca: readFileSync(proxy.caPath),
      servername: hostName,
      checkServerIdentity: () => undefined,
    },
    ...overrides,
  });
  // The server may end a session while a test still holds it.
  client.on('error', () => undefined);
  return client;
}

describe('a client reaches its endpoint', () => {
  test.each([
    ['with the certificate verified and channel binding', { channel_binding: 'require' }],
    ['without channel binding', { channel_binding: 'disable' }],
    ['through the -pooler name', { host: `${endpointId}-pooler.aws-us-east-2.localhost` }],
  ])('%s', async (_how, overrides) => {
    const certificate = { sslmode: 'verify-ca', sslrootcert: proxy.caPath };
    const connection = { ...secureHost(), ...certificate, ...overrides };
    const result = await psql(connection, 'select current_user, current_database()');
    expect(result).toEqual({ exitCode: 0, stdout: 'alice|neondb', stderr: '' });
  });

  test('with verify-full under the bare domain', async () => {
    const connection = {
      ...bareHost(),
      sslmode: 'verify-full',
      sslrootcert: proxy.caPath,
      channel_binding: 'require',
      options: `endpoint=${endpointId}`,
    };
    expect((await psql(connection, 'select 1')).stdout).toBe('1');
  });

  test.each([
    ['endpoint=', `endpoint=${endpointId}`],
    ['the older project=', `project=${endpointId}-pooler`],
    [
      'options for Postgres beside it',
      `-c geqo=off endpoint=${endpointId} neon_endpoint_type:read_write`,
    ],
  ])('named in options: %s', async (_how, options) => {
    const result = await psql({ ...bareHost(), options }, 'show geqo');
    expect(result.stdout).toBe(options.includes('geqo') ? 'off' : 'on');
  });

  test.each([';', '$'])('named in front of the password, before "%s"', async (separator) => {
    const text = `endpoint=${endpointId}${separator}${password}`;
    expect((await psql({ ...bareHost(), password: text }, 'select 1')).stdout).toBe('1');
  });

  test('with node-postgres, and sees the settings Postgres announced', async () => {
    const client = pgClient({ enableChannelBinding: true, application_name: 'test' });
    await client.connect();
    const { rows } = await client.query('show application_name');
    expect(rows).toEqual([{ application_name: 'test' }]);
    await client.end();
  });

  test('with TLS from the first byte on', async () => {
    const socket = directTls();
    socket.write(
      startupMessage([
        ['user', 'alice'],
        ['database', 'neondb'],
      ]),
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(backend.authentication.decode(answer.subarray(5))).toEqual({
      step: 'sasl',
      mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
    });
    socket.destroy();
  });

  test('with a driver that sends on what its connection string said of TLS', async () => {
    const socket = directTls('localhost');
    const parameters = { user: 'alice', database: 'neondb', sslrootcert: '/ca.crt' };
    socket.write(startupMessage(Object.entries(parameters)));
    await once(socket, 'data');
    const text = `endpoint=${endpointId};${password}`;
    socket.write(frontend.passwordMessage.encode({ password: text }));
    expect(await lastTag(socket)).toBe('Z');
    socket.destroy();
  });

  test('with a newer protocol, which is negotiated down', async () => {
    const startup = startupMessage([
      ['user', 'alice'],
      ['_pq_.future', 'on'],
    ]);
    startup.writeUInt16BE(2, 6);
    const socket = directTls();
    socket.write(startup);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1', 0, 1)).toBe('v');
    expect(
      backend.negotiateProtocolVersion.decode(answer.subarray(5, 5 + answer.readInt32BE(1) - 4)),
    ).toEqual({
      minorVersion: 0,
      unrecognized: ['_pq_.future'],
    });
    socket.destroy();
  });

  test('while its host restarts, by waiting for it', async () => {
    await proxy.fleet.stopHost();
    const result = psql(secureHost(), 'select 1');
    await waitUntil(() => proxy.server.connections > 0, { what: 'the client', timeoutMs: 5_000 });
    await proxy.fleet.startHost();
    expect((await result).stdout).toBe('1');
  });

  test('while control is down', async () => {
    await proxy.fleet.stopControl();
    expect((await psql(secureHost(), 'select 1')).stdout).toBe('1');
    const restarted = await proxy.addWorker();
    expect((await psql({ ...secureHost(), port: restarted.port }, 'select 2')).stdout).toBe('2');
    await restarted.stop();
    await proxy.fleet.startControl();
  });

  test('that was created a moment ago, by waiting for it', async () => {
    proxy.fleet.endpoints.delete(endpointId);
    proxy.fleet.announced.set(endpointId, { pending: true });
    const result = psql(secureHost(), 'select 1');
    await waitUntil(() => proxy.server.connections > 0, { what: 'the client', timeoutMs: 5_000 });
    proxy.fleet.endpoints.set(endpointId, endpoint);
    expect((await result).stdout).toBe('1');
  });
});

describe('a client is turned away', () => {
  test.each([
    ['without TLS', { sslmode: 'disable' }, 'connection is insecure (try using `sslmode=require`)'],
    [
      'with a wrong password',
      { password: 'no' },
      "password authentication failed for user 'alice'",
    ],
    [
      'as an unknown role',
      { user: 'mallory' },
      "password authentication failed for user 'mallory'",
    ],
    [
      'from an unknown endpoint',
      { host: 'ep-no-such-00000000.aws-us-east-2.localhost' },
      'Control plane request failed: endpoint cannot be found',
    ],
    [
      'when host name and option disagree',
      { options: 'endpoint=ep-other' },
      `Inconsistent project name inferred from SNI ('${endpointId}') and project option ('ep-other').`,
    ],
    [
      'without an endpoint',
      { host: 'localhost' },
      'Endpoint ID is not specified. Either please upgrade',
    ],
    ['from a database that does not exist', { dbname: 'nope' }, 'database "nope" does not exist'],
  ])('%s', async (_why, overrides, message) => {
    const result = await psql({ ...secureHost(), ...overrides }, 'select 1');
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain(message);
  });

  test('from an address that is not allowed, before any password', async () => {
    endpoint.allowedIps = ['10.0.0.0/8', '192.168.1.1-192.168.1.9'];
    const { stderr } = await psql(secureHost(), 'select 1');
    expect(stderr).toContain(
      'This IP address 127.0.0.1 is not allowed to connect to this endpoint.',
    );
    endpoint.allowedIps = ['127.0.0.1'];
    expect((await psql(secureHost(), 'select 1')).exitCode).toBe(0);
  });

  test('from a private network, where only public ones are let in', async () => {
    endpoint.blockPrivateConnections = true;
    const { stderr } = await psql(secureHost(), 'select 1');
    expect(stderr).toContain(
      'This connection is trying to access this endpoint from a blocked network.',
    );
    endpoint.blockPrivateConnections = false;
    endpoint.blockPublicConnections = true;
    expect((await psql(secureHost(), 'select 1')).exitCode).toBe(0);
  });

  test('while the endpoint is disabled', async () => {
    endpoint.disabled = true;
    const { stderr } = await psql(secureHost(), 'select 1');
    expect(stderr).toContain('Control plane request failed: endpoint is disabled');
  });

  test('with SQLSTATE 28P01 for a wrong password', async () => {
    const client = pgClient({ password: 'wrong' });
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  test('when it speaks anything but Postgres', async () => {
    const answer = await talk(connect(proxy.port), Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(errorIn(answer)).toMatchObject({ sqlstate: '08P01' });
  });

  test('when it sends plain bytes behind its SSLRequest', async () => {
    const bytes = Buffer.concat([sslRequest, startupMessage([['user', 'alice']])]);
    expect(errorIn(await talk(connect(proxy.port), bytes))).toMatchObject({
      message: 'received unencrypted data after SSL request',
    });
  });
});

describe('a sleeping endpoint', () => {
  test('wakes inside the connection', async () => {
    await postgres.stop();
    endpoint.socketPath = null;
    expect((await psql(secureHost(), 'select 1')).stdout).toBe('1');
    expect(proxy.fleet.starts).toBe(1);
  });

  test('is asked for even if it runs, so that its host expects the client', async () => {
    expect((await psql(secureHost(), 'select 1')).stdout).toBe('1');
    expect(proxy.fleet.starts).toBe(1);
  });

  test('is not woken by somebody without the password', async () => {
    endpoint.socketPath = null;
    await psql({ ...secureHost(), password: 'wrong' }, 'select 1');
    expect(proxy.fleet.starts).toBe(0);
  });

  test('that died since the host spoke is started again', async () => {
    await postgres.stop('SIGQUIT');
    expect((await psql(secureHost(), 'select 1')).stdout).toBe('1');
    expect(proxy.fleet.starts).toBe(1);
  });

  test('that cannot start is an error the client may retry', async () => {
    endpoint.socketPath = null;
    endpoint.start = () => Promise.reject(new Error('no memory'));
    await expect(pgClient().connect()).rejects.toMatchObject({ code: 'XX000' });
    endpoint.start = () => Promise.resolve(postgres.socketPath);
    expect((await psql(secureHost(), 'select 1')).stdout).toBe('1');
  });
});

describe('a running statement', () => {
  const queryCanceled = { code: '57014' };
  const adminShutdown = { code: '57P01' };

  test('is cancelled by its client', async () => {
    const client = pgClient();
    await client.connect();
    const failure = errorOf(client.query('select pg_sleep(60)'));
    await cancelWhenRunning(client, proxy.port);
    expect(await failure).toMatchObject(queryCanceled);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  test('is cancelled by a request inside TLS', async () => {
    const client = pgClient();
    await client.connect();
    const failure = errorOf(client.query('select pg_sleep(60)'));
    await sleeping(1);
    await talk(directTls(), keyOf(client));
    expect(await failure).toMatchObject(queryCanceled);
    await client.end();
  });

  test('is cancelled by a request that reached another worker', async () => {
    const worker = await proxy.addWorker();
    const client = pgClient();
    await client.connect();
    const failure = errorOf(client.query('select pg_sleep(60)'));
    await cancelWhenRunning(client, worker.port);
    expect(await failure).toMatchObject(queryCanceled);
    await client.end();
    await worker.stop();
  });

  test('is not cancelled with a wrong key', async () => {
    const client = pgClient();
    await client.connect();
    const { processID } = client as unknown as { processID: number };
    const answer = await talk(connect(proxy.port), cancelRequest(processID, Buffer.alloc(4)));
    expect(answer.length).toBe(0);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  test('is ended with 57P01 when the proxy stops', async () => {
    const [idle, busy] = [pgClient(), pgClient()];
    await Promise.all([idle.connect(), busy.connect()]);
    const ended = Promise.all([once(idle, 'error'), once(busy, 'error')]);
    const failure = errorOf(busy.query('select pg_sleep(60)'));
    await sleeping(1);
    const startedMs = performance.now();
    await proxy.stop();
    expect(await failure).toMatchObject(queryCanceled);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(await ended).toMatchObject([[adminShutdown], [adminShutdown]]);
    await sleeping(0);
  });
});

describe('a session ends on both sides', () => {
  test('when the client is gone', async () => {
    const client = pgClient();
    await client.connect();
    streamOf(client).destroy();
    await expect(backends(0)).resolves.toBeUndefined();
  });

  test('when the compute dies', async () => {
    const client = pgClient();
    await client.connect();
    const failure = once(client, 'error');
    await postgres.stop('SIGQUIT');
    expect(await failure).toHaveLength(1);
    await waitUntil(() => proxy.server.connections === 0, { what: 'the end', timeoutMs: 5_000 });
  });

  test('but only after the answer, when the client has merely finished sending', async () => {
    const client = pgClient();
    await client.connect();
    const answer = client.query("select repeat('x', 1000000) as text from pg_sleep(0.1)");
    streamOf(client).end();
    expect((await answer).rows[0]).toHaveProperty('text.length', 1_000_000);
  });
});

describe('memory and time are bounded', () => {
  test('while a client does not read a large result', async () => {
    const client = pgClient();
    await client.connect();
    const stream = streamOf(client);
    const before = process.memoryUsage().rss;
    stream.pause();
    const result = client.query("select repeat('x', 100000) from generate_series(1, 3000)");
    await waitUntil(async () => blockedInWrite(), {
      what: 'Postgres to be held back',
      timeoutMs: 10_000,
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    stream.resume();
    expect((await result).rows).toHaveLength(3000);
    await client.end();
  });

  test('for clients that say nothing, or a byte now and then', async () => {
    const silent = connect(proxy.port);
    const stuckInTls = connect(proxy.port);
    stuckInTls.write(sslRequest);
    const slow = connect(proxy.port);
    const dripping = setInterval(() => slow.write(Buffer.of(0)), 100);
    const answers = await Promise.all([silent, slow, stuckInTls].map(collect));
    clearInterval(dripping);
    expect(errorIn(answers[0])).toMatchObject({
      message: 'canceling authentication due to timeout',
    });
    await waitUntil(() => proxy.server.connections === 0, { what: 'the end', timeoutMs: 5_000 });
  });

  test('for a crowd that does not authenticate, while sessions go on', async () => {
    const client = pgClient();
    await client.connect();
    const crowd = Array.from({ length: 8 }, () => connect(proxy.port));
    await waitUntil(() => proxy.server.connections === 9, { what: 'the crowd', timeoutMs: 5_000 });
    expect(errorIn(await collect(connect(proxy.port)))).toMatchObject({ sqlstate: '53300' });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    for (const socket of crowd) socket.destroy();
    await client.end();
  });
});

describe('the host learns', () => {
  test('of connections and bytes, while they happen and when they end', async () => {
    const client = pgClient();
    await client.connect();
    await client.query("select repeat('x', 100000)");
    const seen = await waitUntil(
      () => {
        const activity = proxy.fleet.activityOf(endpointId);
        return activity && activity.bytesOut > 100_000 ? activity : undefined;
      },
      { what: 'a report', timeoutMs: 5_000 },
    );
    expect(seen.connections).toBe(1);
    expect(seen.bytesIn).toBeGreaterThan(10);
    await client.end();
    await waitUntil(() => proxy.fleet.activityOf(endpointId)?.connections === 0, {
      what: 'the end of the connection to be reported',
      timeoutMs: 5_000,
    });
  });
});

test('draining lets open sessions live and accepts no others', async () => {
  const client = pgClient();
  await client.connect();
  const newcomer = pgClient();
  const drained = proxy.server.drain();
  await expect(newcomer.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
  await drained;
});

test('client hang-ups and refusals are no reason for anybody to look', async () => {
  const gone = connect(proxy.port);
  gone.write(sslRequest.subarray(0, 5));
  await waitUntil(() => proxy.server.connections === 1, { what: 'a client', timeoutMs: 5_000 });
  gone.destroy();
  await psql({ ...secureHost(), password: 'wrong' }, 'select 1');
  await waitUntil(() => proxy.server.connections === 0, { what: 'the end', timeoutMs: 5_000 });
  expect(proxy.logLines.filter(({ level }) => level !== 'info')).toEqual([]);
});

function directTls(servername = hostName): Socket {
  return connectTls({
    port: proxy.port,
    servername,
    ca: readFileSync(proxy.caPath),
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['postgresql'],
  });
}

async function cancelWhenRunning(client: Client, port: number): Promise<void> {
  await sleeping(1);
  await talk(connect(port), keyOf(client));
}

function keyOf(client: Client): Buffer {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const secret = Buffer.alloc(4);
  secret.writeInt32BE(secretKey);
  return cancelRequest(processID, secret);
}

function streamOf(client: Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

async function backends(count: number): Promise<void> {
  const what = `${count} backends`;
  await waitUntil(async () => (await backendCount()) === count, { what, timeoutMs: 10_000 });
}

async function backendCount(): Promise<number> {
  const sql = "select 1 from pg_stat_activity where usename = 'alice'";
  return (await postgres.query(sql)).length;
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
}

async function sleeping(count: number): Promise<void> {
  await waitUntil(
    async () => {
      const sql = "select 1 from pg_stat_activity where wait_event = 'PgSleep'";
      return (await postgres.query(sql)).length === count;
    },
    { what: `${count} sleeping statements`, timeoutMs: 10_000 },
  );
}

async function blockedInWrite(): Promise<boolean> {
  const sql = "select 1 from pg_stat_activity where wait_event = 'ClientWrite'";
  return (await postgres.query(sql)).length === 1;
}

async function talk(socket: Socket, bytes: Buffer): Promise<Buffer> {
  socket.end(bytes);
  return collect(socket);
}

async function collect(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

/** Reads until Postgres is ready or has refused. */
async function lastTag(socket: Socket): Promise<string> {
  const splitter = new FrameSplitter(serverLimits);
  for await (const chunk of socket) {
    splitter.push(chunk as Buffer);
    for (let frame = splitter.next(); frame; frame = splitter.next()) {
      const tag = String.fromCharCode(frame.tag);
      if (tag === 'Z' || tag === 'E') return tag;
    }
  }
  return 'hang-up';
}

function errorIn(answer: Buffer | undefined) {
  const splitter = new FrameSplitter(serverLimits);
  splitter.push(answer ?? Buffer.alloc(0));
  const frame = splitter.next();
  return frame && backend.errorResponse.decode(frame.body);
}
