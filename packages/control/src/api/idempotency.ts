import { createHash } from 'node:crypto';
import { PgfleetError } from '@pgfleet/contract';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../domain/principal.ts';
import type { Database } from '../store/database.ts';
import { reserveIdempotencyKey, saveIdempotentAnswer } from '../store/idempotency-keys.ts';
import type { IdempotentCall } from '../store/idempotency-keys.ts';
import type { ApiContext } from './api-context.ts';
import { principalOf } from './authenticate.ts';
import { requireRepeatable } from './require-repeatable.ts';

/** What is repeated to a client that calls again with the same key. */
export interface KeptAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly etag?: string | undefined;
}

const MAX_KEY_LENGTH = 255;

/**
 * What a request with an `Idempotency-Key` is known by; undefined without one.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function idempotentCall(request: FastifyRequest): IdempotentCall | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_LENGTH) {
    throw new PgfleetError('invalid_request', {
      message: `invalid request: Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} characters`,
    });
  }
  const requestHash = createHash('sha256').update(contentOf(request)).digest('hex');
  return { subject: subjectOf(principalOf(request)), key, requestHash };
}

// What is only worded in another order is the same. Validation has dropped what no schema knows.
function contentOf({ method, url, routeOptions, body }: FastifyRequest): string {
  const [path, ...query] = url.split('?');
  const parameters = new URLSearchParams(query.join('?'));
  parameters.sort();
  const read = routeOptions.schema?.body === undefined ? null : body;
  return JSON.stringify([method, path, parameters.toString(), read ?? null], inOrder);
}

function inOrder(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Does a change once: within the caller's transaction the key is reserved, then the work is done and
 * its answer kept. A later call with the key gets that answer, if it may still make such a change; one
 * that comes meanwhile waits for it.
 *
 * @throws PgfleetError `idempotency_key_reused` when the key was used for another request; what
 * {@link requireRepeatable} throws.
 */
export async function answerOnce<T extends KeptAnswer>(
  { secrets }: Pick<ApiContext, 'secrets'>,
  {
    tx,
    call,
    request,
  }: { readonly tx: Database; readonly call: IdempotentCall; readonly request: FastifyRequest },
  work: () => Promise<T>,
): Promise<T | KeptAnswer> {
  const earlier = await reserveIdempotencyKey(tx, call);
  if (earlier) {
    if (earlier.requestHash !== call.requestHash) throw new PgfleetError('idempotency_key_reused');
    const body: unknown = JSON.parse(secrets.open(earlier.sealedAnswer, sealContext(call)));
    await requireRepeatable(tx, request, body);
    return { status: earlier.status, body, etag: earlier.etag ?? undefined };
  }
  const fresh = await work();
  const { status, body, etag } = fresh;
  const sealedAnswer = secrets.seal(JSON.stringify(body), sealContext(call));
  await saveIdempotentAnswer(tx, call, { status, sealedAnswer, etag: etag ?? null });
  return fresh;
}

// A user's keys speak with one voice. One of an organization may open less than who made it.
function subjectOf({ subject, userId, apiKeyId }: Principal): string {
  return subject === 'user' ? userId : `api_key/${apiKeyId}`;
}

function sealContext({ subject, key }: IdempotentCall): string {
  return `idempotency/${subject}/${key}`;
}
