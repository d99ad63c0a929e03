import { AnswerWatch } from '@pgfleet/testkit';
import { afterAll, afterEach, inject } from 'vitest';

/*
 * Runs before every test file: every answer of the API that a test fetches is checked against the
 * published contract, and a test that got a wrong one fails.
 */

const API = '/api/v2';

const watch = new AnswerWatch();
const { fetch } = globalThis;

globalThis.fetch = async (input, init) => {
  const response = await fetch(input, init);
  const { method, url } = input instanceof Request ? input : new Request(input, init);
  const { pathname } = new URL(url);
  if (pathname.startsWith(`${API}/`)) {
    watch.note({
      method,
      path: pathname.slice(API.length),
      status: response.status,
      contentType: response.headers.get('content-type') ?? undefined,
      text: await response.clone().text(),
    });
  }
  return response;
};

afterEach(() => watch.failOnProblems());

afterAll(() => {
  watch.keepCounts(inject('answerCounts'));
  watch.failOnProblems();
});
