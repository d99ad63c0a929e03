import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { ApiAnswer } from './answer-judge.ts';
import { AnswerRelay } from './answer-relay.ts';

/** A server, and a relay before it. */
async function open(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const told: ApiAnswer[] = [];
  const relay = await AnswerRelay.open((answer) => void told.push(answer));
  const { port } = server.address() as AddressInfo;
  const address = relay.addressOf(`http://127.0.0.1:${port}`);
  return {
    told,
    address,
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]();
      server.close().closeAllConnections();
    },
  };
}

test('requests and answers pass as they are, and the answer is told', async () => {
  await using opened = await open((request, response) => {
    response.writeHead(409, 'Taken', { 'content-type': 'text/x', etag: '"1"' });
    response.write(`${request.method} ${request.url} ${request.headers.from} `);
    request.pipe(response);
  });
  const answer = await fetch(`${opened.address}/a%2Fb?c=d`, {
    method: 'PUT',
    headers: { from: 'mine' },
    body: 'Zoë',
  });
  const text = await answer.text();
  expect([answer.status, answer.statusText, answer.headers.get('etag'), text]).toEqual([
    409,
    'Taken',
    '"1"',
    'PUT /a%2Fb?c=d mine Zoë',
  ]);
  expect(opened.told).toEqual([
    { method: 'PUT', path: '/a%2Fb', status: 409, contentType: 'text/x', text },
  ]);
});

test('an answer without a body passes', async () => {
  await using opened = await open((_request, response) => void response.writeHead(204).end());
  const answer = await fetch(`${opened.address}/x`, { method: 'DELETE' });
  expect([answer.status, await answer.text()]).toEqual([204, '']);
  expect(opened.told).toMatchObject([{ status: 204, text: '' }]);
});

test('a connection that the server cuts is cut, and nothing is told', async () => {
  await using opened = await open((request, response) => {
    if (request.url === '/late') response.write('half');
    setImmediate(() => request.socket.destroy());
  });
  await expect(fetch(`${opened.address}/early`)).rejects.toThrow();
  await expect(fetch(`${opened.address}/late`).then((late) => late.text())).rejects.toThrow();
  expect(opened.told).toEqual([]);
});

test('a server that is not there refuses', async () => {
  await using opened = await open(() => undefined);
  const nowhere = opened.address.replace(/\d+$/, '1');
  await expect(fetch(`${nowhere}/x`)).rejects.toThrow();
});
