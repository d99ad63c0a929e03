import { createHash } from 'node:crypto';
import { PgfleetError } from '@pgfleet/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/principal.ts';
import { appendAuditEntry } from '../store/audit-log.ts';
import type { Database } from '../store/database.ts';
import {
  isAnswered,
  reserveIdempotencyKey,
  saveIdempotentAnswer,
} from '../store/idempotency-keys.ts';
import type { EarlierCall, IdempotentCall } from '../store/idempotency-keys.ts';
import type { AuditEntry } from '../store/schema.ts';
import type { ApiContext } from './api-context.ts';
import { principalOf } from './authenticate.ts';
import { hangUpSignal } from './hang-up.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Whether operations under way were cancelled. */
  readonly preempts?: boolean;
}

const MAX_IDEMPOTENCY_KEY_LENGTH = 255;

interface Http {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/**
 * Runs a change in one transaction together with its row of the audit log and, when the client
 * sent an `Idempotency-Key`, with its answer: a repeated call gets the same answer and changes
 * nothing. One that conflicts with what is under way waits for its turn.
 *
 * @throws PgfleetError `idempotency_key_reused` when the key was used for another request;
 * `conflicting_operations` when its turn does not come.
 */
export function mutate(
  context: ApiContext,
  http: Http,
  change: (tx: Database) => Promise<Answer>,
): Promise<FastifyReply> {
  return inTurn(context, http, () => attempt(context, http, change));
}

async function attempt(
  context: ApiContext,
  { request, reply }: Http,
  change: (tx: Database) => Promise<Answer>,
): Promise<FastifyReply> {
  const call = idempotentCall(request);
  const answer = await context.db.transaction().execute(async (tx) => {
    const earlier = call && (await reserveIdempotencyKey(tx, call));
    if (call && earlier) return replay(context, call, earlier);
    const fresh = await change(tx);
    await appendAuditEntry(tx, auditEntry(request, fresh.status));
    if (call) await saveIdempotentAnswer(tx, call, seal(context, call, fresh));
    return fresh;
  });
  if (answer.preempts) context.worker.preempt();
  else context.worker.kick();
  // Nothing is not the JSON text `null`.
  return reply.code(answer.status).send(answer.body ?? undefined);
}

/**
 * Like {@link mutate}, for a change that somebody else has to be asked about first, which no
 * transaction should wait for. A repeated call asks nobody.
 */
export async function mutatePrepared<T>(
  context: ApiContext,
  http: Http,
  work: {
    readonly prepare: () => Promise<T>;
    readonly change: (tx: Database, prepared: T) => Promise<Answer>;
  },
): Promise<FastifyReply> {
  const call = idempotentCall(http.request);
  if (call && (await isAnswered(context.db, call))) {
    return mutate(context, http, () => Promise.reject(new PgfleetError('unavailable')));
  }
  return inTurn(context, http, async () => {
    const prepared = await work.prepare();
    return attempt(context, http, (tx) => work.change(tx, prepared));
  });
}

// Only what belongs to one project conflicts.
function inTurn<T>(
  { conflicts }: ApiContext,
  { request, reply }: Http,
  work: () => Promise<T>,
): Promise<T> {
  const { project_id: key } = request.params as { readonly project_id?: string };
  return key === undefined ? work() : conflicts.run({ key, signal: hangUpSignal(reply) }, work);
}

/** The row of the audit log that a request leaves. */
export function auditEntry(request: FastifyRequest, status: number): AuditEntry {
  const principal = principalOf(request);
  return {
    user_id: principal.userId,
    api_key_id: principal.apiKeyId,
    request_id: request.id,
    method: request.method,
    path: request.url,
    status,
    remote_addr: request.ip,
  };
}

function idempotentCall(request: FastifyRequest): IdempotentCall | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key === '' || key.length > MAX_IDEMPOTENCY_KEY_LENGTH) {
    throw new PgfleetError('invalid_request', {
      message: `invalid request: Idempotency-Key must have 1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} characters`,
    });
  }
  const content = JSON.stringify([request.method, request.url, request.body ?? null]);
  const requestHash = createHash('sha256').update(content).digest('hex');
  return { subject: subjectOf(principalOf(request)), key, requestHash };
}

// A user's keys speak with one voice. One of an organization may open less than who made it.
function subjectOf({ subject, userId, apiKeyId }: Principal): string {
  return subject === 'user' ? userId : `api_key/${apiKeyId}`;
}

function replay({ secrets }: ApiContext, call: IdempotentCall, earlier: EarlierCall): Answer {
  if (earlier.requestHash !== call.requestHash) throw new PgfleetError('idempotency_key_reused');
  const body: unknown = JSON.parse(secrets.open(earlier.sealedAnswer, sealContext(call)));
  return { status: earlier.status, body };
}

function seal({ secrets }: ApiContext, call: IdempotentCall, { status, body }: Answer) {
  return { status, sealedAnswer: secrets.seal(JSON.stringify(body), sealContext(call)) };
}

function sealContext({ subject, key }: IdempotentCall): string {
  return `idempotency/${subject}/${key}`;
}
