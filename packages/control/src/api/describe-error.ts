import { PgfleetError, toPgfleetError } from '@pgfleet/contract';
import type { ErrorBody, ErrorCode } from '@pgfleet/contract';
import { RpcUnreachableError } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * The HTTP edge of errors: sets the status, gives the contract's error body, and logs what a person
 * must see.
 */
export function describeError(
  error: unknown,
  { request, reply, log }: { request: FastifyRequest; reply: FastifyReply; log: Logger },
): ErrorBody {
  const known = toClientError(error);
  if (known.entry.kind === 'internal') {
    log.error({ err: error, request_id: request.id, url: request.url }, 'request failed');
  } else if (known.entry.kind === 'unavailable') {
    log.warn({ err: error, request_id: request.id }, 'request could not be served');
    reply.header('retry-after', '1');
  }
  reply.code(known.entry.http);
  return errorBody(known, request);
}

// The id is echoed only to the client that gave one; all get it as a header.
function errorBody(error: PgfleetError, request: FastifyRequest): ErrorBody {
  return {
    ...(request.headers['x-request-id'] === request.id ? { request_id: request.id } : {}),
    code: error.entry.wireCode ?? '',
    message: error.message,
  };
}

/** Codes of Fastify's own errors that have an entry in the catalogue. */
const fastifyErrors: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_BAD_URL: 'not_found',
};

/** Turns anything thrown in a Fastify server into an error of the catalogue. */
export function toClientError(error: unknown): PgfleetError {
  if (error instanceof PgfleetError || !(error instanceof Error)) return toPgfleetError(error);
  if (error instanceof RpcUnreachableError) {
    const message = 'the host of this project cannot be reached, try again';
    return new PgfleetError('unavailable', { message, cause: error });
  }
  const { code = '', statusCode = 500 } = error as { code?: string; statusCode?: number };
  const known = fastifyErrors[code];
  if (known) return new PgfleetError(known, { cause: error });
  // Whatever else Fastify itself refuses is the client's doing: a broken length, a broken header.
  if (code.startsWith('FST_') && statusCode >= 400 && statusCode < 500) {
    return new PgfleetError('invalid_request', { cause: error });
  }
  return toPgfleetError(error);
}
