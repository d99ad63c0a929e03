import type { IncomingHttpHeaders } from 'node:http';

/** The longest that an answer is held back: most clients and proxies give up after a minute. */
const MAX_WAIT_SECONDS = 55;

/**
 * How many seconds a client prefers to wait for the end of what it asked for, at most 55: RFC 7240,
 * `Prefer: wait=10`. Undefined without that preference, or with one that is no number of seconds.
 */
export function preferredWaitSeconds({ prefer }: IncomingHttpHeaders): number | undefined {
  const preferences = [prefer ?? []].flat().join(',').split(',');
  for (const preference of preferences) {
    const [, seconds] = waitPreference.exec(preference) ?? [];
    // The first one counts, as with every preference that is given twice.
    if (seconds !== undefined) return Math.min(Number(seconds), MAX_WAIT_SECONDS);
  }
  return undefined;
}

// Parameters may follow, which nothing is known about.
const waitPreference = /^\s*wait\s*=\s*"?(\d+)"?\s*(?:;.*)?$/i;
