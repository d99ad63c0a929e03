import { PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { unimplementedOperations } from '../unimplemented-operations.ts';

/** What the contract has and pgfleet does not: 501 for whoever has a key, whatever is sent. */
export function unimplementedRoutes(app: FastifyInstance): void {
  const refuse = () => Promise.reject(new PgfleetError('not_implemented'));
  for (const { method, path } of unimplementedOperations) {
    // Before a body is read: it may be of a type that pgfleet does not take.
    const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
    app.route({ method, url, onRequest: refuse, handler: refuse });
  }
}
