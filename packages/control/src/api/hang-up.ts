import { PgfleetError } from '@pgfleet/contract';
import type { FastifyReply } from 'fastify';

/** Aborts when the client goes away before it was answered. */
export function hangUpSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (reply.raw.writableFinished) return;
    // Nobody reads this: it is an error of the client, so that no log complains.
    gone.abort(new PgfleetError('invalid_request', { message: 'the client went away' }));
  });
  return gone.signal;
}
