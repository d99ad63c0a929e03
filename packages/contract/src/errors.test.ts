import { expect, test } from 'vitest';
import { errorCatalogue, PgfleetError, toPgfleetError } from './errors.ts';
import type { ErrorEntry } from './errors.ts';

test('docs/errors.md lists the catalogue as it is', async () => {
  await expect(documentCatalogue()).toMatchFileSnapshot('../../../docs/errors.md');
});

test('an unknown error becomes internal and keeps its detail out of the message', () => {
  const error = toPgfleetError(new Error('/secret/path exploded'));
  expect(error.code).toBe('internal');
  expect(error.message).toBe('internal error');
  expect((error.cause as Error).message).toContain('exploded');
});

test('an error carries the message of its catalogue entry unless it has its own', () => {
  expect(new PgfleetError('project_not_found').message).toBe('project not found');
  expect(new PgfleetError('invalid_request', { message: 'no name' }).message).toBe('no name');
});

function documentCatalogue(): string {
  const rows = Object.entries<ErrorEntry>(errorCatalogue).map(
    ([code, entry]) =>
      `| \`${code}\` | ${entry.http} | ${entry.sqlstate} | ${entry.kind} | ${
        entry.retryable ? 'yes' : 'no'
      } | ${entry.title} |`,
  );
  return [
    '# Errors',
    '',
    'Generated from the catalogue in `packages/contract/src/errors.ts` by its test; CI compares.',
    'Over HTTP the body is `{"request_id", "code", "message"}`; over the Postgres protocol an',
    '`ErrorResponse` with the SQLSTATE. A retryable error may go away without a change to the request.',
    '',
    '| code | HTTP | SQLSTATE | kind | retryable | message unless a better one is known |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
