import { createHash } from 'node:crypto';
import { PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/*
 * Entity tags of single objects, as RFC 9110 has them. A tag is a digest of what `GET` answers: it
 * changes with everything that can be seen of the object and with nothing else, on every replica.
 */

/** The tag of an object of which this is what `GET` answers. */
export function etagOf(body: unknown): string {
  return digest(JSON.stringify(body));
}

/**
 * Refuses a change of an object that is not any more what the client has seen; to be asked while the
 * object is locked. `If-Match: *` asks for nothing but that it exists.
 *
 * @throws PgfleetError `precondition_failed`.
 */
export async function requireMatch(
  { headers }: Pick<FastifyRequest, 'headers'>,
  read: () => Promise<unknown>,
): Promise<void> {
  const { 'if-match': wanted } = headers;
  if (wanted === undefined) return;
  const current = etagOf(await read());
  if (!tagsIn(wanted).some((tag) => tag === '*' || tag === current)) {
    throw new PgfleetError('precondition_failed');
  }
}

/** Gives answers to `GET` and `HEAD` of an object its tag; 304 to a client that has it already. */
export function tagObjects(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const isObject =
      readMethods.has(request.method) && objectPath.test(request.routeOptions.url ?? '');
    if (!isObject || reply.statusCode !== 200 || typeof payload !== 'string') return payload;
    const current = digest(payload);
    reply.header('etag', current);
    const known = tagsIn(request.headers['if-none-match'] ?? '');
    if (!known.some((tag) => tag === '*' || tag.replace(/^W\//, '') === current)) return payload;
    reply.code(304).removeHeader('content-type');
    return null;
  });
}

const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);

// Lists have no tag: nobody changes them as a whole.
const objectPath = /\/(?::\w+|backup_schedule|masking_rules|spending_limit)$/;

function digest(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url')}"`;
}

function tagsIn(header: string): string[] {
  return header.split(',').map((tag) => tag.trim());
}
