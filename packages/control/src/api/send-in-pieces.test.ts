import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { mapped, sendInPieces } from './send-in-pieces.ts';

async function answerTo(body: object) {
  const app = Fastify();
  app.get('/', (_request, reply) => sendInPieces(reply, body));
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    const response = await fetch(address);
    const { headers } = response;
    return { headers, text: await response.text() };
  } finally {
    await app.close();
  }
}

const cursor = { cursor: 'é"\n', absent: undefined };

test.each([0, 1, 2, 3000, 30_000])(
  'a list of %d items is the JSON of it, however long',
  async (length) => {
    const items = Array.from({ length }, (_, number) => ({
      name: `naïve "${number}"`,
      absent: undefined,
    }));
    const body = { before: null, items, empty: [], pagination: cursor };
    const { headers, text } = await answerTo({ ...body, items: mapped(items, (item) => item) });
    expect(text).toBe(JSON.stringify(body));
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  },
);

test('a short answer has a length', async () => {
  const { headers, text } = await answerTo({ items: ['é'] });
  expect(Number(headers.get('content-length'))).toBe(Buffer.byteLength(text));
});

test('the items of a long list are not made before they are sent', async () => {
  let made = 0;
  const items = mapped(Array(100_000).keys(), () => {
    made += 1;
    return 'x'.repeat(1000);
  });
  const app = Fastify();
  app.get('/', (_request, reply) => sendInPieces(reply, { items }));
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const response = await fetch(address);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(made).toBeLessThan(50_000);
  await response.body?.cancel();
  await app.close();
});
