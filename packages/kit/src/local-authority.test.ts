import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureServerCertificate } from './local-authority.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgfleet-tls-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a client that trusts ca.crt accepts the server for a wildcard name', async () => {
  const files = await ensureServerCertificate(directory, ['*.aws-us-east-2.localhost']);
  const [cert, key, ca] = await Promise.all(
    [files.certPath, files.keyPath, files.caPath].map((path) => readFile(path, 'utf8')),
  );
  const server = createServer({ cert: cert!, key: key! }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const servername = 'ep-cool-sun-12345678.aws-us-east-2.localhost';
  const socket = connect({ port, host: '127.0.0.1', ca: ca!, servername });
  await once(socket, 'secureConnect');
  expect(socket.authorized).toBe(true);
  socket.destroy();
  server.close();
});

test('the certificate is kept while it is good and reissued when the names change', async () => {
  const read = async (names: readonly string[]) => {
    const files = await ensureServerCertificate(directory, names);
    return Promise.all([readFile(files.certPath, 'utf8'), readFile(files.caPath, 'utf8')]);
  };
  const first = await read(['localhost', '127.0.0.1']);
  expect(await read(['127.0.0.1', 'localhost'])).toEqual(first);
  const renamed = await read(['example.test']);
  expect(renamed[0]).not.toBe(first[0]);
  expect(renamed[1]).toBe(first[1]);
  expect(new X509Certificate(renamed[0]).checkHost('example.test')).toBe('example.test');
});
