import { lookup } from 'node:dns/promises';
import { withDeadline } from '@pgfleet/kit';
import type { Installation } from './domain/installation.ts';

const LOOKUP_TIMEOUT_MS = 2_000;

/**
 * Finds the regions whose endpoint hosts resolve on this machine, by looking up a sample label of
 * each. A name that does not resolve in two seconds would not serve a client either.
 */
export async function findResolvableRegions({
  regionIds,
  domain,
}: Pick<Installation, 'regionIds' | 'domain'>): Promise<ReadonlySet<string>> {
  const resolvable = await Promise.all(
    regionIds.map(async (id) => ((await resolves(`ep-sample.${id}.${domain}`)) ? [id] : [])),
  );
  return new Set(resolvable.flat());
}

async function resolves(host: string): Promise<boolean> {
  try {
    const options = { what: `the name ${host} to resolve`, timeoutMs: LOOKUP_TIMEOUT_MS };
    await withDeadline(() => lookup(host), options);
    return true;
  } catch {
    // Every failure means the same: URIs must not name this host.
    return false;
  }
}
