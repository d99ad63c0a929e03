import { PgfleetError } from '@pgfleet/contract';
import { hashToken } from '@pgfleet/kit';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../domain/principal.ts';
import { authenticateKey } from '../store/api-keys.ts';
import type { Database } from '../store/database.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whom the request comes from; null outside of the API and before authentication. */
    principal: Principal | null;
  }
}

const MAX_KEY_LENGTH = 256;

/** @throws PgfleetError `unauthenticated` for a key that is missing, wrong or revoked. */
export async function authenticate(request: FastifyRequest, db: Database): Promise<void> {
  const [, key] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (!key || key.length > MAX_KEY_LENGTH) throw new PgfleetError('unauthenticated');
  const principal = await authenticateKey(db, hashToken(key), request.ip);
  if (!principal) throw new PgfleetError('unauthenticated');
  request.principal = principal;
}

/** The principal of a request that passed {@link authenticate}. */
export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new PgfleetError('unauthenticated');
  return request.principal;
}
