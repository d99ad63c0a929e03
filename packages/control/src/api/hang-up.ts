import { PgfleetError } from '@pgfleet/contract';
import { hangUpSignal as hangUpSignalOf } from '@pgfleet/kit';
import type { FastifyReply } from 'fastify';

/** Aborts when the client goes away before it was answered. */
export function hangUpSignal(reply: FastifyReply): AbortSignal {
  return hangUpSignalOf(reply.raw, clientGone);
}

// Nobody reads this: it is an error of the client, so that no log complains.
function clientGone(): PgfleetError {
  return new PgfleetError('invalid_request', { message: 'the client went away' });
}
