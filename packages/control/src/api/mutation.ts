import { PgfleetError } from '@pgfleet/contract';
import type { OperationId } from '@pgfleet/contract';
import { unlessAborted } from '@pgfleet/kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { appendAuditEntry } from '../store/audit-log.ts';
import type { Database } from '../store/database.ts';
import { isAnswered } from '../store/idempotency-keys.ts';
import type { IdempotentCall } from '../store/idempotency-keys.ts';
import type { AuditEntry } from '../store/schema.ts';
import type { ApiContext } from './api-context.ts';
import { principalOf } from './authenticate.ts';
import { etagOf } from './etag.ts';
import { hangUpSignal } from './hang-up.ts';
import { answerOnce, idempotentCall } from './idempotency.ts';
import type { KeptAnswer } from './idempotency.ts';
import { objectIn } from './objects.ts';
import type { ReadObject } from './objects.ts';
import { preferredWaitSeconds } from './preferences.ts';
import { operationsOf, refreshAnswer } from './refresh-answer.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Whether operations under way were cancelled. */
  readonly preempts?: boolean;
  /** What `GET` answers for the changed object, where there is such a thing: its ETag is sent. */
  readonly reread?: ReadObject;
}

/** The operations of a change whose answer has no place for them, as the contract has it. */
export interface UnnamedOperations {
  /** Those that a client waits for that prefers to wait. */
  readonly list: (db: Database) => Promise<readonly OperationId[]>;
  /** The answer once they have ended; as it was before when left out. */
  readonly answer?: (db: Database) => Promise<unknown>;
}

interface Http {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** A request that is being answered, for as long as its client waits. */
interface Asked extends Http {
  readonly call: IdempotentCall | undefined;
  readonly hangUp: AbortSignal;
}

type Change = (tx: Database) => Promise<Answer>;

/**
 * Runs a change in one transaction together with its row of the audit log and, when the client
 * sent an `Idempotency-Key`, with its answer: a repeated call gets the same answer and changes
 * nothing. One that conflicts with what is under way waits for its turn. A client that prefers to
 * wait is answered when the operations of the answer have ended.
 *
 * @throws PgfleetError `idempotency_key_reused` when the key was used for another request;
 * `conflicting_operations` when its turn does not come.
 */
export function mutate(context: ApiContext, http: Http, change: Change): Promise<FastifyReply> {
  return mutatePrepared(context, http, { prepare: async () => undefined, change });
}

/**
 * Like {@link mutate}, for a change that something has to be found out about first, by asking somebody
 * whom no transaction should wait for, or for which the same call may be refused later. A repeated
 * call asks nobody.
 */
export async function mutatePrepared<T>(
  context: ApiContext,
  http: Http,
  work: {
    readonly prepare: () => Promise<T>;
    readonly change: (tx: Database, prepared: T) => Promise<Answer>;
    readonly unnamed?: UnnamedOperations;
    /** Whether it can conflict with what is under way, and so waits for its turn; yes when left out. */
    readonly takesTurns?: boolean;
  },
): Promise<FastifyReply> {
  const call = idempotentCall(http.request);
  const asked: Asked = { ...http, call, hangUp: hangUpSignal(http.reply) };
  const isKnown = async () => call !== undefined && (await isAnswered(context.db, call));
  const attempt = (signal: AbortSignal) =>
    context.calls.inTurn(call, signal, async () => {
      if (await isKnown()) return commit(context, asked, unknownChange);
      const prepared = await unlessAborted(work.prepare(), signal);
      return commit(context, asked, (tx) => work.change(tx, prepared));
    });
  const committed = await (work.takesTurns === false
    ? attempt(asked.hangUp)
    : inTurn(context, asked, attempt));
  return answer(context, asked, { ...committed, unnamed: work.unnamed });
}

// Its answer is repeated instead, unless that was forgotten at this very moment.
const unknownChange: Change = () => Promise.reject(new PgfleetError('unavailable'));

interface Committed extends KeptAnswer, Pick<Answer, 'preempts' | 'reread'> {}

interface Answerable extends Committed {
  readonly unnamed: UnnamedOperations | undefined;
}

async function commit(
  context: ApiContext,
  { request, call }: Asked,
  change: Change,
): Promise<Committed> {
  const committed = await context.db.transaction().execute(async (tx): Promise<Committed> => {
    const work = async () => {
      const fresh = await change(tx);
      await appendAuditEntry(tx, auditEntry(request, fresh.status));
      return { ...fresh, etag: await tagOf(fresh, tx) };
    };
    return call ? answerOnce(context, { tx, call, request }, work) : work();
  });
  if (committed.preempts) context.worker.preempt();
  else context.worker.kick();
  return committed;
}

async function answer(
  context: ApiContext,
  asked: Asked,
  committed: Answerable,
): Promise<FastifyReply> {
  const { status, body, etag } = await asPreferred(context, asked, committed);
  if (etag !== undefined) asked.reply.header('etag', etag);
  // Nothing is not the JSON text `null`.
  return asked.reply.code(status).send(body ?? undefined);
}

// A preference may be passed over, and is when too many wait already.
async function asPreferred(
  context: ApiContext,
  { request, reply, hangUp }: Asked,
  committed: Answerable,
): Promise<KeptAnswer> {
  const seconds = preferredWaitSeconds(request.headers);
  if (seconds === undefined || context.waits.isFull) return committed;
  reply.header('preference-applied', `wait=${seconds}`);
  if (seconds === 0) return committed;
  const over = AbortSignal.any([hangUp, AbortSignal.timeout(seconds * 1_000)]);
  const { unnamed } = committed;
  try {
    const ids = unnamed ? await unnamed.list(context.db) : operationsOf(committed.body);
    if (ids.length === 0) return committed;
    await context.waits.until(ids, over);
    const body = await (unnamed?.answer?.(context.db) ?? refreshAnswer(committed.body, context));
    const etag = await tagOf({ reread: changedObject(committed, context) }, context.db);
    return { status: committed.status, body, etag };
  } catch (error) {
    // The change is made: that must not look like a failure.
    context.log.info({ err: error, request_id: request.id }, 'answer could not be read again');
    return committed;
  }
}

// An answer that is repeated has kept that it had a tag, not what of.
function changedObject(
  { body, etag, reread }: Committed,
  { installation }: ApiContext,
): ReadObject | undefined {
  return reread ?? (etag === undefined ? undefined : objectIn(body, installation));
}

async function tagOf(
  { reread }: { readonly reread?: ReadObject | undefined },
  db: Database,
): Promise<string | undefined> {
  const object = await reread?.(db);
  return object === undefined ? undefined : etagOf(object);
}

// Only what belongs to one project conflicts.
function inTurn<T>(
  { conflicts }: ApiContext,
  { request, hangUp }: Asked,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { project_id: key } = request.params as { readonly project_id?: string };
  return key === undefined ? attempt(hangUp) : conflicts.run({ key, signal: hangUp }, attempt);
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
