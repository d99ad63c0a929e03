import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ListeningSocket } from '@pgfleet/kit';
import { createScramVerifier } from '@pgfleet/pgwire';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { psql } from './testing/psql.ts';
import { TestPostgres } from './testing/test-postgres.ts';
import { TestProxy } from './testing/test-proxy.ts';

const verifier = await createScramVerifier('pw');
let postgres: TestPostgres;
let installation: TestProxy;
let listening: ListeningSocket;
let children: ChildProcess[] = [];

const repository = fileURLToPath(new URL('../../..', import.meta.url));

beforeAll(async () => {
  // Processes run what is compiled.
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [compiler, '-b', 'packages/proxy'], {
    cwd: repository,
  });
  postgres = await TestPostgres.open();
  await postgres.query(`CREATE ROLE alice LOGIN PASSWORD '${verifier}'`);
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

beforeEach(async () => {
  installation = await TestProxy.open();
  const { fleet, env } = installation;
  const { socketPath } = postgres;
  const start = () => Promise.resolve(socketPath);
  fleet.endpoints.set('ep-a', { verifiers: { alice: verifier }, socketPath, start });
  writeFileSync(env['PGFLEET_INTERNAL_TOKEN_FILE'] ?? '', fleet.token);
  listening = ListeningSocket.open('127.0.0.1', port);
});

afterEach(async () => {
  listening.close();
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await installation[Symbol.asyncDispose]();
});

const port = 20_000 + (process.pid % 10_000);
const target = {
  host: '127.0.0.1',
  port,
  user: 'alice',
  password: 'pw',
  database: 'postgres',
  ssl: { rejectUnauthorized: false },
  options: 'endpoint=ep-a',
};

/** A proxy process on the inherited socket, as a supervisor starts it. */
async function startProxy(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(repository, 'packages/proxy/dist/main.js')], {
    env: { ...installation.env, PGFLEET_PG_LISTEN_FD: '4', PGFLEET_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', listening.fd],
  });
  children.push(child);
  const [first] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (first !== 'ready') throw new Error(`the proxy ended with ${String(first)}`);
  return child;
}

async function connectedClient(): Promise<Client> {
  const client = new Client(target);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function exitCode(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

test('SIGTERM ends the sessions and the process, orderly', async () => {
  const proxy = await startProxy();
  const client = await connectedClient();
  const ended = once(client, 'error');
  proxy.kill('SIGTERM');
  expect(await exitCode(proxy)).toBe(0);
  expect(await ended).toMatchObject([{ code: '57P01' }]);
});

test('SIGUSR2 hands over: newcomers go to the next proxy, sessions stay until they end', async () => {
  const old = await startProxy();
  const client = await connectedClient();
  old.kill('SIGUSR2');
  await startProxy();
  const fresh = await psql({ ...psqlTarget, sslmode: 'require' }, 'select 1');
  expect(fresh.stdout).toBe('1');
  expect((await client.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
  expect(old.exitCode).toBeNull();
  await client.end();
  expect(await exitCode(old)).toBe(0);
});

const psqlTarget = {
  host: target.host,
  port,
  user: target.user,
  password: target.password,
  dbname: target.database,
  options: target.options,
};
