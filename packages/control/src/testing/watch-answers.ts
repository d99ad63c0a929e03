import { Readable } from 'node:stream';
import { AnswerWatch } from '@pgfleet/testkit';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, inject } from 'vitest';

/*
 * Every answer of every server under test is checked against the published contract, whoever asked
 * and whatever the test looks at. A test in which the server broke the contract fails.
 */

const API = '/api/v2';

const watch = new AnswerWatch();

/** Makes a server's answers be checked; to be called before it is ready. */
export function watchAnswers(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const [path = ''] = request.url.split('?');
    if (!path.startsWith(`${API}/`)) return payload;
    const note = (text: string) =>
      watch.note({
        method: request.method,
        path: path.slice(API.length),
        status: reply.statusCode,
        contentType: reply.getHeader('content-type') as string | undefined,
        text,
      });
    if (payload instanceof Readable) return Readable.from(noted(payload, note));
    note(typeof payload === 'string' ? payload : '');
    return payload;
  });
}

async function* noted(pieces: AsyncIterable<string>, note: (text: string) => void) {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    yield piece;
  }
  note(text);
}

afterEach(() => watch.failOnProblems());

afterAll(() => {
  watch.keepCounts(inject('answerCounts'));
  watch.failOnProblems();
});
