import { PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/**
 * Collects the paths of the routes that are added from now on, for a handler of requests that no
 * route is for: a path that exists for other methods is answered with 405 and `Allow`.
 */
export function refuseOthers(
  app: FastifyInstance,
): (request: FastifyRequest, reply: FastifyReply) => Promise<never> {
  const methodsOf = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ method, url }) => {
    const methods = methodsOf.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    methodsOf.set(url, methods);
  });
  return async ({ url }, reply) => {
    const [path = ''] = url.split('?');
    const allowed = [...methodsOf].find(([pattern]) => patternOf(pattern).test(path))?.[1];
    if (!allowed) throw new PgfleetError('not_found');
    reply.header('allow', [...allowed].toSorted().join(', '));
    throw new PgfleetError('method_not_allowed');
  };
}

function patternOf(url: string): RegExp {
  return new RegExp(`^${url.replaceAll(/:\w+/g, '[^/]+')}$`);
}
