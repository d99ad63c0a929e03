import { PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { unimplementedOperations } from '../unimplemented-operations.ts';

/** What the contract has and pgfleet does not: refused to whoever has a key, whatever is sent. */
export function unimplementedRoutes(app: FastifyInstance): void {
  for (const { method, path, reason, status } of unimplementedOperations) {
    const code = status === 404 ? 'not_found' : 'not_implemented';
    const message = `this operation is not available: ${reason}`;
    const refuse = () => Promise.reject(new PgfleetError(code, { message }));
    // Before a body is read: it may be of a type that pgfleet does not take.
    const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
    app.route({ method, url, onRequest: refuse, handler: refuse });
  }
}
