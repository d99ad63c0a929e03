import { PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import type { Principal } from '../domain/principal.ts';
import { principalOf } from './authenticate.ts';
import type { ApiContext } from './api-context.ts';
import { TokenBuckets } from './token-buckets.ts';
import type { Rate } from './token-buckets.ts';

/*
 * How often a caller may ask. A caller is a user, with all keys of the user together, or an
 * organization with all of its keys. Operators are not limited: whoever runs the installation has
 * nobody to protect it from. Every replica counts for itself.
 */

/** Requests of one caller; 0 for as many as it likes. */
export interface RateLimits {
  /** Of all kinds. */
  readonly perMinute: number;
  /** To one method of one path. */
  readonly routePerSecond: number;
  /** For consumption, which takes more work than others. */
  readonly consumptionPerMinute: number;
  /** To make keys of an organization. */
  readonly organizationKeysPerSecond: number;
}

/** Answers with 429 and `Retry-After` who asks too often. */
export function limitRates(api: FastifyInstance, { rateLimits }: ApiContext): void {
  if (!rateLimits) return;
  const buckets = new TokenBuckets();
  api.addHook('onRequest', async (request, reply) => {
    const principal = principalOf(request);
    if (principal.isOperator) return;
    const route = `${request.method} ${request.routeOptions.url ?? ''}`;
    const waitMs = buckets.take(ratesFor(callerOf(principal), route, rateLimits));
    if (waitMs === 0) return;
    reply.header('retry-after', String(Math.ceil(waitMs / 1_000)));
    throw new PgfleetError('rate_limited');
  });
}

// Somebody with several organizations is the same caller in all of them.
function callerOf({ subject, userId, memberships }: Principal): string {
  return subject === 'user' ? userId : (memberships[0]?.organizationId ?? userId);
}

function ratesFor(caller: string, route: string, limits: RateLimits): Rate[] {
  const rates: Rate[] = [
    { key: caller, burst: limits.perMinute, perSecond: limits.perMinute / 60 },
    { key: `${caller} ${route}`, ...each(limits.routePerSecond) },
  ];
  if (route.includes('/consumption_history/')) {
    const { consumptionPerMinute: limit } = limits;
    rates.push({ key: `${caller} consumption`, burst: limit, perSecond: limit / 60 });
  }
  if (route.endsWith('/organizations/:org_id/api_keys') && route.startsWith('POST')) {
    rates.push({ key: `${caller} keys`, ...each(limits.organizationKeysPerSecond) });
  }
  return rates.filter(({ burst }) => burst > 0);
}

function each(perSecond: number): Pick<Rate, 'burst' | 'perSecond'> {
  return { burst: perSecond, perSecond };
}
