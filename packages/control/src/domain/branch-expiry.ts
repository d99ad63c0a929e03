import { invalidField } from './invalid-request.ts';
import { requireInstant } from './point-in-time.ts';

const MAX_TTL_SECONDS = 30 * 24 * 3600;

/** When a branch is to be deleted, named as the columns are. */
export interface BranchExpiry {
  readonly expires_at: Date | null;
  /** The time it was given to live; a reset gives it the same again. */
  readonly ttl_interval_seconds: number | null;
}

export const noExpiry: BranchExpiry = { expires_at: null, ttl_interval_seconds: null };

/**
 * Reads the `expires_at` of a request, in whole seconds.
 *
 * @throws PgfleetError `invalid_request` for what is no RFC 3339 time, since a guess could delete a
 * branch too early, and for one that is not within the next 30 days.
 */
export function planExpiry(text: string, now: Date): BranchExpiry {
  const expiresAt = new Date(`${requireInstant(text, 'branch.expires_at').slice(0, 19)}Z`);
  const seconds = (expiresAt.getTime() - now.getTime()) / 1000;
  if (!(seconds > 0)) throw invalidField('branch.expires_at', 'must be in the future');
  if (seconds > MAX_TTL_SECONDS) {
    throw invalidField('branch.expires_at', 'must be within the next 30 days');
  }
  return { expires_at: expiresAt, ttl_interval_seconds: Math.ceil(seconds) };
}

/** Gives a branch with an expiration the time again that it was given to live. */
export function restartExpiry({ ttl_interval_seconds: ttl }: BranchExpiry, now: Date) {
  return ttl === null ? {} : { expires_at: new Date(now.getTime() + ttl * 1000) };
}
