import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Traffic } from './activity.ts';
import { Relay } from './relay.ts';

const directory = mkdtempSync(join(tmpdir(), 'pgf-relay-'));
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true });
});

test('a client that ended before the relay began ends its compute as well', async () => {
  const client = await pair('client');
  const compute = await pair('compute');
  client.far.resume().end('the last message of a login');
  await readToEnd(client.near);

  const relay = new Relay({ client: client.near, upstream: compute.far, traffic: new Traffic() });
  compute.near.resume();
  await expect(once(compute.near, 'end')).resolves.toEqual([]);
  compute.near.end();
  await relay.closed;
});

async function readToEnd(socket: Socket): Promise<void> {
  socket.resume();
  await once(socket, 'end');
  expect(socket.readableEnded).toBe(true);
}

/** Both ends of a connection; each may finish sending before the other does. */
async function pair(name: string): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const path = join(directory, name);
  const server = createServer({ allowHalfOpen: true }).listen(path);
  servers.push(server);
  const far = connect({ path, allowHalfOpen: true });
  const [near] = (await once(server, 'connection')) as [Socket];
  return { near, far };
}
