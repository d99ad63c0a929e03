import { AnswerRelay, AnswerWatch } from '@pgfleet/testkit';
import type { ApiAnswer, Platform } from '@pgfleet/testkit';
import { afterAll, afterEach, inject } from 'vitest';

/*
 * Runs before every test file: every answer of the API is checked against the published contract,
 * and a test in which there was a wrong one fails. What the test fetches itself is looked at on its
 * way; other programs, and clients that do not use `fetch`, are given the address of a relay.
 */

const API = '/api/v2';

const watch = new AnswerWatch();
const relay = await AnswerRelay.open(note);
const { fetch } = globalThis;

globalThis.fetch = async (input, init) => {
  const response = await fetch(input, init);
  const { method, url } = input instanceof Request ? input : new Request(input, init);
  const { pathname: path } = new URL(url);
  // Paths at the relay begin otherwise: its answers are not counted twice.
  if (path.startsWith(`${API}/`)) {
    note({
      method,
      path,
      status: response.status,
      contentType: response.headers.get('content-type') ?? undefined,
      text: await response.clone().text(),
    });
  }
  return response;
};

/** Where clients other than this process' `fetch` reach the API of a platform. */
export function watchedApi({ apiUrl }: Platform): string {
  return relay.addressOf(apiUrl) + API;
}

function note(answer: ApiAnswer): void {
  if (!answer.path.startsWith(`${API}/`)) return;
  watch.note({ ...answer, path: answer.path.slice(API.length) });
}

afterEach(() => watch.failOnProblems());

afterAll(async () => {
  await relay[Symbol.asyncDispose]();
  watch.keepCounts(inject('answerCounts'));
  watch.failOnProblems();
});
