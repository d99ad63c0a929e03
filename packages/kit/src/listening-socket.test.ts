import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { ListeningSocket } from './listening-socket.ts';

const acceptor = `require('node:net').createServer((s) => s.end('hello')).listen({ fd: 3 })`;

async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test.each(['127.0.0.1', '::1'])(
  'a connection to %s waits for the child that accepts it',
  async (address) => {
    const port = await freePort(address);
    using socket = ListeningSocket.open(address, port);
    const early = connect(port, address);
    await once(early, 'connect');
    const child = spawn(process.execPath, ['-e', acceptor], {
      stdio: ['ignore', 'ignore', 'inherit', socket.fd],
    });
    try {
      expect(String((await once(early, 'data'))[0])).toBe('hello');
    } finally {
      child.kill('SIGKILL');
      early.destroy();
    }
  },
);

test('a port in use is refused by name', async () => {
  const port = await freePort('127.0.0.1');
  using _first = ListeningSocket.open('127.0.0.1', port);
  expect(() => ListeningSocket.open('127.0.0.1', port)).toThrow(
    expect.objectContaining({ code: 'EADDRINUSE' }),
  );
});

test('a closed port is free again', async () => {
  const port = await freePort('127.0.0.1');
  ListeningSocket.open('127.0.0.1', port).close();
  expect(() => ListeningSocket.open('127.0.0.1', port).close()).not.toThrow();
});
