import { PgfleetError } from '@pgfleet/contract';
import type { FastifyReply } from 'fastify';

/** Aborts when the caller goes away before it was answered. */
export function hangUpSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (reply.raw.writableFinished) return;
    gone.abort(new PgfleetError('invalid_request', { message: 'the caller went away' }));
  });
  return gone.signal;
}
