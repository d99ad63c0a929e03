import { invalidField } from './invalid-request.ts';
import { requireInstant } from './point-in-time.ts';

/**
 * Reads when something is to be deleted by itself: null for never, undefined where it is not said.
 *
 * @throws PgfleetError `invalid_request` for what is no time, or a past one.
 */
export function requireExpiry(
  text: string | null | undefined,
  field: string,
  now: Date,
): Date | null | undefined {
  if (text === undefined || text === null) return text;
  const date = new Date(requireInstant(text, field));
  if (date > now) return date;
  throw invalidField(field, 'must be in the future');
}
