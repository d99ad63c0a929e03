import type { Database } from './database.ts';

export interface IdempotentCall {
  /** Who calls: a user, or a key of an organization. */
  readonly subject: string;
  readonly key: string;
  readonly requestHash: string;
}

export interface EarlierCall {
  readonly requestHash: string;
  readonly status: number;
  readonly sealedAnswer: string;
  readonly etag: string | null;
}

/**
 * Reserves a key for a call within the caller's transaction. Gives back the earlier call when the
 * key was used before, and waits for one that is under way.
 */
export async function reserveIdempotencyKey(
  db: Database,
  call: IdempotentCall,
): Promise<EarlierCall | undefined> {
  const inserted = await db
    .insertInto('idempotency_keys')
    .values({ subject: call.subject, key: call.key, request_hash: call.requestHash })
    .onConflict((oc) => oc.columns(['subject', 'key']).doNothing())
    .returning('key')
    .executeTakeFirst();
  if (inserted) return undefined;
  const earlier = await db
    .selectFrom('idempotency_keys')
    .selectAll()
    .where('subject', '=', call.subject)
    .where('key', '=', call.key)
    .executeTakeFirstOrThrow();
  return {
    requestHash: earlier.request_hash,
    status: earlier.status ?? 0,
    sealedAnswer: earlier.sealed_answer ?? '',
    etag: earlier.etag,
  };
}

/** Whether a call with this key was answered before. */
export async function isAnswered(
  db: Database,
  { subject, key }: Pick<IdempotentCall, 'subject' | 'key'>,
): Promise<boolean> {
  const earlier = await db
    .selectFrom('idempotency_keys')
    .select('key')
    .where('subject', '=', subject)
    .where('key', '=', key)
    .executeTakeFirst();
  return earlier !== undefined;
}

/** Keeps the answer of a call whose key was reserved in the same transaction. */
export async function saveIdempotentAnswer(
  db: Database,
  call: IdempotentCall,
  answer: Omit<EarlierCall, 'requestHash'>,
): Promise<void> {
  await db
    .updateTable('idempotency_keys')
    .set({ status: answer.status, sealed_answer: answer.sealedAnswer, etag: answer.etag })
    .where('subject', '=', call.subject)
    .where('key', '=', call.key)
    .execute();
}
