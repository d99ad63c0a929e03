import { PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/**
 * Collects the paths of the routes that are added from now on, for a handler of requests that no
 * route is for: a path that exists for other methods is answered with 405 and `Allow`.
 */
export function refuseOthers(
  app: FastifyInstance,
): (request: FastifyRequest, reply: FastifyReply) => Promise<never> {
  const paths = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', ({ method, url }) => {
    const path = paths.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    for (const each of [method].flat()) path.methods.add(each);
    paths.set(url, path);
  });
  return async ({ url }, reply) => {
    const [path = ''] = url.split('?');
    const found = [...paths.values()].find(({ pattern }) => pattern.test(path));
    if (!found) throw new PgfleetError('not_found');
    reply.header('allow', [...found.methods].toSorted().join(', '));
    throw new PgfleetError('method_not_allowed');
  };
}

function patternOf(url: string): RegExp {
  return new RegExp(`^${url.replaceAll(/:\w+/g, '[^/]+')}$`);
}
